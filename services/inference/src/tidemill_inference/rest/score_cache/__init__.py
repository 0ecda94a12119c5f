"""Scores that were computed before, in Redis."""
