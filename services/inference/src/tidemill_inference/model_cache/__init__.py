"""Models under a memory limit: loaded when they are wanted, the least recently used let go."""
