"""A batch held against the expectations."""
