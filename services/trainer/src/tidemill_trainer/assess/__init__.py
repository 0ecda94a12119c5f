"""Each model's labelled rows in label time: alarms, fits that are due, versions that take over."""
