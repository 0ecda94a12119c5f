"""A dumped database back into one that is empty, whichever it is: all of it in one transaction, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemill.errors import ConfigError
from tidemill_operations.backup.dump import Document, dump
from tidemill_operations.restore.moved import Moved

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

AUDIT_LOG = "audit_log"
"""Rows of it are only ever added: what is there already stays behind what is restored."""
REVISION = "version_num"
"""The only column of the tables in which migrations note how far they are."""


def moved(document: Document, to: Moved) -> Document:
    """The same database with the addresses in it as they are now."""
    tables = document["tables"]
    return {"tables": [{**table, "rows": [_moved_row(table, row, to) for row in table["rows"]]} for table in tables]}


def in_the_way(database_url: str, document: Document) -> list[str]:
    """What stands there and is not the document's, in words; nothing where all may be loaded, or is loaded already.
    Raises ConfigError where the database does not answer.
    """
    there = _tables(database_url)
    if is_loaded(there, document):
        return []
    wanted, found = {one["name"]: one for one in document["tables"]}, []
    for name, table in there.items():
        names = [column["name"] for column in table["columns"]]
        if names == [REVISION]:
            if name in wanted and table["rows"] and table["rows"] != wanted[name]["rows"]:
                found.append(f"table {name} is of another release ({table['rows'][0][0]}): give an empty database")
        elif table["rows"] and name != AUDIT_LOG:
            found.append(f"table {name} has {len(table['rows']):,} rows")
        elif name in wanted and names != [column["name"] for column in wanted[name]["columns"]]:
            found.append(f"table {name} has other columns: give an empty database")
    return found


def is_loaded(there: dict[str, Document], document: Document) -> bool:
    """Whether all rows of the document are there, and none beside them but in the audit log."""
    for table in document["tables"]:
        found = there.get(table["name"])
        if found is None:
            return False
        there_already = set(map(tuple, found["rows"]))
        more = any(tuple(row) not in there_already for row in table["rows"])
        if more or (table["name"] != AUDIT_LOG and len(found["rows"]) != len(table["rows"])):
            return False
    return True


def load(database_url: str, document: Document) -> bool:
    """Make the tables that are missing and insert all rows; False where they are there already, also where another
    restore was faster. Raises ConfigError where the database refuses.
    """
    from sqlalchemy.exc import DBAPIError

    from tidemill.database import connect

    there = _tables(database_url)
    if is_loaded(there, document):
        return False
    engine = connect(database_url)
    try:
        with engine.begin() as connection:
            metadata = _metadata(document)
            metadata.create_all(connection)
            for table in document["tables"]:
                _fill(connection, metadata.tables[table["name"]], table, there.get(table["name"]))
    except DBAPIError as error:
        if is_loaded(_tables(database_url), document):
            return False
        raise ConfigError(f"the database of TIDEMILL_DATABASE_URL does not take its tables: {error.orig}") from error
    finally:
        engine.dispose()
    return True


def _tables(database_url: str) -> dict[str, Document]:
    """What is there by table; nothing where there is no database yet."""
    from pathlib import Path

    from sqlalchemy.engine import make_url

    parsed = make_url(database_url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return {}
    return {table["name"]: table for table in dump(database_url)["tables"]}


def _fill(connection: Connection, table: Table, wanted: Document, there: Document | None) -> None:
    """Rows of the document; behind those of an audit log the ones that were there."""
    from sqlalchemy import delete, insert

    rows = [list(row) for row in wanted["rows"]]
    if there is not None and there["rows"]:
        connection.execute(delete(table))
        if table.name == AUDIT_LOG:
            rows += _behind(rows, there["rows"])
    if rows:
        names = [f"b_{column.name}" for column in table.columns]
        values = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(insert(table).values(_values(table, connection.dialect.name)), values)
    _go_on_counting(connection, table, wanted)


def _behind(rows: list[list[Any]], there: list[list[Any]]) -> list[list[Any]]:
    """The rows that were there and are not restored, numbered on. The id is the first column."""
    known = {repr(row[1:]) for row in rows}
    more = [row for row in there if repr(row[1:]) not in known]
    first = max((row[0] for row in rows), default=0) + 1
    return [[first + at, *row[1:]] for at, row in enumerate(more)]


def _values(table: Table, dialect: str) -> dict[str, Any]:
    """Each column's value is a parameter; that of a JSON column is its text, which the database takes as JSON."""
    from sqlalchemy import JSON, Text, bindparam, cast, type_coerce

    found: dict[str, Any] = {}
    for column in table.columns:
        found[column.name] = bindparam(f"b_{column.name}", type_=column.type)
        if isinstance(column.type, JSON):
            text = bindparam(f"b_{column.name}", type_=Text())
            found[column.name] = type_coerce(text, Text) if dialect == "sqlite" else cast(text, JSON)
    return found


def _go_on_counting(connection: Connection, table: Table, wanted: Document) -> None:
    """PostgreSQL numbers rows by a sequence, which knows nothing of rows that came with their numbers."""
    from sqlalchemy import cast, func, select
    from sqlalchemy.dialects.postgresql import REGCLASS

    if connection.dialect.name != "postgresql":
        return
    for column in wanted["columns"]:
        if column["counts"]:
            sequence = cast(func.pg_get_serial_sequence(table.name, column["name"]), REGCLASS)
            newest = select(func.coalesce(func.max(table.c[column["name"]]), 1)).scalar_subquery()
            connection.execute(select(func.setval(sequence, newest)))


def _metadata(document: Document) -> MetaData:
    from sqlalchemy import Column, Index, MetaData, Table, UniqueConstraint

    metadata = MetaData()
    for one in document["tables"]:
        columns = [
            Column(
                c["name"], _type(c["type"]), primary_key=c["name"] in one["key"], nullable=c["nullable"],
                autoincrement=c["counts"],
            )
            for c in one["columns"]
        ]  # fmt: skip
        unique = [UniqueConstraint(*u["columns"], name=u["name"]) for u in one["unique"]]
        indexes = [Index(i["name"], *i["columns"], unique=i["unique"]) for i in one["indexes"]]
        Table(one["name"], metadata, *columns, *unique, *indexes)
    return metadata


def _type(said: list[Any]) -> Any:
    import sqlalchemy

    return getattr(sqlalchemy, said[0])(*said[1:])


def _moved_row(table: Document, row: list[Any], to: Moved) -> list[Any]:
    kinds = [column["type"][0] for column in table["columns"]]
    return [
        to.json(value) if kind == "JSON" else to.text(value) if isinstance(value, str) else value
        for kind, value in zip(kinds, row, strict=True)
    ]
