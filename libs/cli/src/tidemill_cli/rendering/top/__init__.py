"""The loop live in a terminal."""
