"""Processes that a benchmark starts: the limit (a pass-through) and the rivals."""
