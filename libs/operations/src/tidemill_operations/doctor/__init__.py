"""`tidemill doctor`: what of a Kafka that is already there fits, and what to do where it does not."""
