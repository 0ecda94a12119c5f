"""Summaries of numbers that add up over processes."""
