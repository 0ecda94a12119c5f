"""The Compose file, in containers."""
