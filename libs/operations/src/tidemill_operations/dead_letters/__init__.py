"""Dead letters: reading them with what became of them, and bringing them back exactly once."""
