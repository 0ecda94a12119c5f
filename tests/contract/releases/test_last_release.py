"""What the last release has written is still read: events, model files, settings, versions, databases, snapshots."""

from __future__ import annotations

import lzma
import shutil
import sqlite3
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from tests.contract.contract import catalog
from tests.contract.releases.freeze import MARK, current
from tests.unit.learning.drift import streams
from tidemill.access.migrate import migrate_access
from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, OnnxModel
from tidemill.artifact.directory import fetch_artifact
from tidemill.artifact.golden import Golden, check_golden
from tidemill.artifact.manifest import MANIFEST_FILE, sha256
from tidemill.artifact.signing import TrustedKeys
from tidemill.clock import SystemClock
from tidemill.codec.codec import Codec
from tidemill.config_file import CONFIG_FILE, put_into, read_config
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.schemas.history import record_history
from tidemill.contracts.usable import usable_models
from tidemill.kafka.partitions.marks import Mark
from tidemill_learning.drift.detection.detector import Detector
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.label_time.loop import LabelTime
from tidemill_operations.project.settings_classes import refusals, settings_classes
from tidemill_operations.push.checkpoint import Checkpoint
from tidemill_trainer.assess.state import LabelTimeStore
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import RunStore

(LAST,) = Path(__file__).parent.glob("[0-9]*")
EVENTS = sorted(path.stem for path in (LAST / "events").glob("*.avro"))


def of_both(read: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if name in read}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of_the_last_release_is_read_with_the_values_that_it_was_written_with(name: str) -> None:
    value = (LAST / "events" / f"{name}.avro").read_bytes()
    schema = fastavro.schema.load_schema(LAST / "events" / f"{name}.avsc")
    written = fastavro.schemaless_reader(BytesIO(value[10:]), schema)  # behind marker and fingerprint
    plain = Codec(catalog()).decode_one(value, current(name))
    again = fastavro.schemaless_reader(
        BytesIO(Codec(catalog()).encode_one(plain, current(name))[10:]), current(name).json
    )
    assert of_both(written, again) == of_both(again, written) != {}


def test_model_files_of_the_last_release_are_taken_and_their_records_read_what_was_sent(tmp_path: Path) -> None:
    project = shutil.copytree(LAST / "project", tmp_path / "project")
    models, refused = usable_models(project / "models", project / "schemas", ())
    assert refused == [] and {"orders", "flight-delay"} <= models.keys()
    record_history(project / "schemas", models)
    assert all(SchemaCatalog.load(project / "schemas", models).record(name) for name in models)


def test_a_tidemill_yaml_that_states_every_setting_of_the_last_release_is_taken_by_every_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stated, mistakes = read_config(LAST / "project" / CONFIG_FILE)
    assert mistakes == [] and len(stated) > 50
    for name, value in put_into({}, stated).items():
        monkeypatch.setenv(name, value)
    assert [line for settings in settings_classes() for line in refusals(settings)] == []


def test_a_version_of_the_last_release_is_trusted_verified_and_answers_what_it_answered_then() -> None:
    folder = LAST / "artifact"
    digest = sha256((folder / MANIFEST_FILE).read_bytes())
    found = fetch_artifact(folder.as_uri(), digest, keys=TrustedKeys(LAST / "trusted.pem"))
    assert found.manifest.lineage is not None and {GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE} <= found.files.keys()
    model = OnnxModel.load(found.files[MODEL_FILE], found.manifest)
    check_golden(model, Golden.from_bytes(found.files[GOLDEN_FILE], found.manifest))


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The database of the last release, brought up to date."""
    path = tmp_path / "tidemill.db"
    connection = sqlite3.connect(path)
    connection.executescript(lzma.decompress((LAST / "database.sql.xz").read_bytes()).decode())
    connection.close()
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    migrate_access(engine)
    return f"sqlite:///{path}"


def test_a_database_of_the_last_release_is_brought_up_to_date_and_goes_on(database: str) -> None:
    engine = connect(database)
    runs = RunStore(engine, SystemClock(), "now", 60.0, 3)
    assert runs.has_version("orders") and runs.past("orders")
    reference, offsets = runs.artifact("orders", 1) or pytest.fail("its first version is not found")
    assert reference.version == 1 and offsets
    kept = LabelTimeStore(engine, SystemClock()).load("orders")
    assert kept is not None
    loop = LabelTime("binary", 2_000, Budget(), kept.state)
    assert loop.to_state() == kept.state


def test_what_a_detector_kept_in_the_last_release_goes_on_as_if_it_had_kept_it_now() -> None:
    spec = streams.model(window=200)
    kept, now = Detector(spec, "c", (LAST / "states" / "drift.bin").read_bytes()), Detector(spec, "c")
    profiles = streams.profiles_of(spec, streams.logs(3_000))
    half = len(streams.profiles_of(spec, streams.logs(1_000)))
    for detector in (kept, now):
        detector.set_champion(streams.published(), streams.reference())
    for profile in profiles[:half]:
        now.apply(profile, 1_000)
    said = [[detector.apply(profile, 1_000) for profile in profiles[half:]] for detector in (kept, now)]
    assert said[0] == said[1]


def test_commits_and_pushes_of_the_last_release_are_taken_up_where_they_ended(tmp_path: Path) -> None:
    assert Mark.parse((LAST / "states" / "mark.json").read_text()) == MARK
    checkpoint = Checkpoint(tmp_path, "digest", "topic", "cluster")
    shutil.copyfile(LAST / "states" / "push.json", checkpoint.path)
    assert checkpoint.load().done and checkpoint.load().rows == 5_000
