"""What touches HTTP."""
