"""`tidemill topics prepare`, a release's first step: all of it once, again nothing, none where schemas are wrong."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import service_process
from tidemill.contracts.model_file import load_models
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import partition_counts
from tidemill.settings import KafkaSettings

Run = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture
def settings(kafka: str, prefix: str) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=kafka, prefix=prefix)


@pytest.fixture
def prepare(root: Path, tmp_path: Path, settings: KafkaSettings) -> Run:
    """Runs the command with a copy of the contract, and a database whose address stands in a file."""
    shutil.copytree(root / "schemas", tmp_path / "schemas")
    (tmp_path / "database-url").write_text(f"sqlite:///{tmp_path}/platform.db\n")
    given = {
        "kafka_bootstrap": settings.kafka_bootstrap, "prefix": settings.prefix, "models_dir": root / "models",
        "models": "flight-delay", "partitions": 3, "database_url_file": tmp_path / "database-url",
    }  # fmt: skip
    env = service_process.environment(given, inherit=False)
    return lambda: service_process.run("topics", "prepare", env=env, cwd=tmp_path)


def wanted(root: Path, prefix: str) -> list[str]:
    specs = {name: spec for name, spec in load_models(root / "models").items() if name == "flight-delay"}
    return list(TopicCatalog.load(root / "schemas", prefix, specs).all_topics(specs))


def test_topics_and_tables_are_made_once_and_again_nothing_is_changed(
    prepare: Run, root: Path, tmp_path: Path, settings: KafkaSettings
) -> None:
    done = prepare()
    assert done.returncode == 0, done.stderr
    assert partition_counts(admin(settings), wanted(root, settings.prefix)).keys() == set(wanted(root, settings.prefix))
    assert {"api_keys", "audit_log"} <= tables(tmp_path / "platform.db")
    again = prepare()
    assert again.returncode == 0, again.stderr
    assert "all topics exist" in again.stdout and "made" not in again.stdout


def test_a_record_that_could_not_read_what_is_in_flight_is_refused_and_nothing_is_made(
    prepare: Run, root: Path, tmp_path: Path, settings: KafkaSettings
) -> None:
    path = tmp_path / "schemas/models/flight-delay.avsc"
    record = json.loads(path.read_text())
    record["fields"].append({"name": "aircraft", "type": "string"})
    path.write_text(json.dumps(record))
    done = prepare()
    assert done.returncode == 1
    assert "aircraft" in done.stderr
    assert partition_counts(admin(settings), wanted(root, settings.prefix)) == {}
    assert not (tmp_path / "platform.db").exists()


def tables(database: Path) -> set[str]:
    with sqlite3.connect(database) as connection:
        return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
