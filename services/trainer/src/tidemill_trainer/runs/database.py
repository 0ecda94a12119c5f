"""The trainer's part of the relational database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from tidemill import database
from tidemill.database import connect
from tidemill.errors import RetryLater

__all__ = ["connect", "migrate", "transaction"]


def migrate(engine: Engine) -> None:
    """Bring the trainer's tables to the newest revision. Raises `ConfigError` where the database cannot be
    reached.
    """
    database.migrate(engine, Path(__file__).parent.parent / "migrations")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """All of it or nothing. Raises `RetryLater` where two writers met, or the database is away."""
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError as error:
        raise RetryLater(f"two writers met in the database: {error.orig}", delay_s=0.1) from error
    except DBAPIError as error:
        raise RetryLater(f"the database does not answer: {error.orig}") from error
