"""The formats in which topics of someone else's are read."""
