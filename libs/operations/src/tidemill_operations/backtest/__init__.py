"""What would Tidemill have done? A model's events and labels, out of a file or off a topic, played again."""
