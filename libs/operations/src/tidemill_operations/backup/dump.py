"""A relational database as one document, whichever it is: tables as they are made, and their rows in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill.errors import ConfigError
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Engine, Table

Document = dict[str, Any]
"""`{"tables": [{"name", "columns", "key", "unique", "indexes", "rows"}]}`, tables by name, rows by key."""


def dump(database_url: str) -> Document:
    """All tables of the database, of one moment. Values are exact: JSON is kept as the text that stands there.

    Raises ConfigError where the database is not there, does not answer or may not be read; NotPossible for a column of
    a type that no table of ours has.
    """
    from sqlalchemy import MetaData
    from sqlalchemy.exc import DBAPIError

    engine = _existing(database_url)
    try:
        with engine.connect() as connection, one_moment(connection):
            metadata = MetaData()
            metadata.reflect(connection)
            return {"tables": [_table(connection, metadata.tables[name]) for name in sorted(metadata.tables)]}
    except DBAPIError as error:
        raise ConfigError(
            f"the database of TIDEMILL_DATABASE_URL cannot be read: {error.orig}; a backup reads all of its tables "
            f"(PostgreSQL: GRANT pg_read_all_data TO {engine.url.username or 'its role'})"
        ) from error
    finally:
        engine.dispose()


@contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """What is read inside is of one moment, whoever writes meanwhile."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def _existing(url: str) -> Engine:
    from sqlalchemy.engine import make_url

    from tidemill.database import connect

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise ConfigError(
            f"there is no database {parsed.database} (TIDEMILL_DATABASE_URL): run this where the platform's folder is, "
            "or name the database of the platform"
        )
    return connect(url, reads_only=True)


def _table(connection: Connection, table: Table) -> Document:
    from sqlalchemy import UniqueConstraint, select

    key = [column.name for column in table.primary_key.columns]
    unique = [
        {"name": one.name, "columns": [column.name for column in one.columns]}
        for one in table.constraints
        if isinstance(one, UniqueConstraint)
    ]
    indexes = [
        {"name": one.name, "columns": [column.name for column in one.columns], "unique": bool(one.unique)}
        for one in table.indexes
        if not (one.unique and one.name in {other["name"] for other in unique})
    ]
    rows = connection.execute(select(*(_as_stored(column) for column in table.columns)))
    return {
        "name": table.name,
        "columns": [_column(table, column) for column in table.columns],
        "key": key,
        "unique": sorted(unique, key=lambda one: (one["name"] or "", one["columns"])),
        "indexes": sorted(indexes, key=lambda one: one["name"] or ""),
        "rows": sorted((list(row) for row in rows), key=lambda row: _in_order(table, key, row)),
    }  # fmt: skip


def _column(table: Table, column: Column[Any]) -> Document:
    counts = bool(column.primary_key and len(table.primary_key.columns) == 1 and _type(column)[0] == "Integer")
    return {"name": column.name, "type": _type(column), "nullable": bool(column.nullable), "counts": counts}


def _type(column: Column[Any]) -> list[Any]:
    from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer, String, Text

    kinds = (JSON, Boolean, BigInteger, Integer, Float, Text, String)  # the narrower before the wider
    for kind in kinds:
        if isinstance(column.type, kind):
            length = getattr(column.type, "length", None) if kind is String else None
            return [kind.__name__, length] if length else [("Text" if kind is String else kind.__name__)]
    raise NotPossible(f"column {column.table.name}.{column.name} is of type {column.type}, which is not backed up")


def _as_stored(column: Column[Any]) -> Any:
    """JSON as its text: a null of JSON and a null of SQL are two things."""
    from sqlalchemy import JSON, Text, cast

    return cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column


def _in_order(table: Table, key: list[str], row: list[Any]) -> list[Any]:
    names = [column.name for column in table.columns]
    return [row[names.index(name)] for name in key] if key else [str(value) for value in row]
