"""Expectations about all rows of a window of event time."""
