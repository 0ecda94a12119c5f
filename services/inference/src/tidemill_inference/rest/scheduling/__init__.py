"""In which order requests of several models are scored, and which of them together."""
