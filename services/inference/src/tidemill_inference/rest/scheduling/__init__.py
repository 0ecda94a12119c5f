"""In which order requests of several models are answered, and which of them together."""
