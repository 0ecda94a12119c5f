"""Alembic revisions of the trainer's tables."""
