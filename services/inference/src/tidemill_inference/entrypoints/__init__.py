"""The two processes, *serve* and *stream*, wired from settings."""
