"""Two releases of the platform at work at once: `make rolling`."""
