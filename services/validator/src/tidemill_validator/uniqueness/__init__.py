"""Repeats: the memory of what went to clean."""
