"""A model from its bytes to the first score, in a process that may die of it."""
