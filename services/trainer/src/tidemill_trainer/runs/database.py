"""The trainer's part of the relational database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from tidemill import database
from tidemill.database import connect

__all__ = ["connect", "migrate"]


def migrate(engine: Engine) -> None:
    """Bring the trainer's tables to the newest revision. Raises `ConfigError` where the database cannot be
    reached.
    """
    database.migrate(engine, Path(__file__).parent.parent / "migrations")
