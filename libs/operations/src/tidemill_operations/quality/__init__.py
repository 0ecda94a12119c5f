"""`tidemill quality`: reports on a model's data, and expectations from elsewhere."""
