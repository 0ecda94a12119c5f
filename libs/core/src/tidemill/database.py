"""The relational database: SQLite here, PostgreSQL there. Needs SQLAlchemy."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from tidemill.errors import ConfigError

BUSY_TIMEOUT_S = 20
"""How long one SQLite writer waits for another."""
NO_RIGHT = "42501"
"""PostgreSQL's code for what a role may not do."""


def connect(url: str, *, reads_only: bool = False) -> Engine:
    """An engine for the URL; a SQLite file's folder is made. Connects when first used.

    A SQLite transaction takes the write lock at its begin, so that a read-then-write holds; not where one only
    reads.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, isolation_level="SERIALIZABLE")
    if parsed.database and parsed.database != ":memory:":
        _make_private(Path(parsed.database))
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    if not reads_only:
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _make_private(file: Path) -> None:
    """An empty file that only its owner reads, where there is none: keys' digests and an audit log will stand in it.
    SQLite's own files beside it get the same rights.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def migrate(engine: Engine, scripts: Path) -> None:
    """Run the Alembic revisions in `scripts` that have not run. Raises ConfigError where the database cannot be
    reached, its role may not do it, or another release has run revisions that are not among them.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"the database of TIDEMILL_DATABASE_URL was migrated by another release of Tidemill ({error}): run that "
            "release, or give this one the copy from before the upgrade (docs/upgrade.md)"
        ) from error
    except OperationalError as error:
        raise ConfigError(f"the database of TIDEMILL_DATABASE_URL cannot be used: {error.orig}") from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != NO_RIGHT:
            raise
        lacked = str(error.orig).partition("\n")[0]
        raise ConfigError(
            f"the database of TIDEMILL_DATABASE_URL cannot be used: {lacked}; {engine.url.username} needs rights to "
            "its tables, or another role makes them first and grants them (see deploy/compose/databases.sh)"
        ) from error


def _prepare_sqlite(connection: object, entry: ConnectionPoolEntry) -> None:
    """Readers beside a writer (WAL), and transactions begun by us, not by the driver (so that a read-then-
    write holds).
    """
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
    cursor.close()
