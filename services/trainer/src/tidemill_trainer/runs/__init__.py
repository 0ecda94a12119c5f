"""Runs in SQL, and the outbox of what is told about them."""
