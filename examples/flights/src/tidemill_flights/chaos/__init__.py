"""Kills on the way: each process once, while it works."""
