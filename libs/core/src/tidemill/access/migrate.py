"""Makes the tables of access, or brings them to the newest revision. For administrators: services only read them."""

from __future__ import annotations

from sqlalchemy import Engine

from tidemill.database import migrate


def migrate_access(engine: Engine) -> None:
    """Bring the tables up to date. Needs alembic. Raises ConfigError where the database cannot be reached."""
    from pathlib import Path

    migrate(engine, Path(__file__).parent / "migrations")
