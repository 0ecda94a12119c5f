"""The training itself, in a process of its own."""
