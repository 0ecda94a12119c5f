"""A running process takes up new and changed model files; what is wrong with them leaves the old ones at work."""
