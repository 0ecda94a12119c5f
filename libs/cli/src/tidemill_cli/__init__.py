"""The tidemill command: run, feed, watch and command the loop."""
