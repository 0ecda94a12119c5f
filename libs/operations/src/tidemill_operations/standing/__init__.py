"""How a platform stands: lag, pauses, what its processes say of themselves."""
