"""One gauge is forgotten on a running platform: its rows and their bytes go, all else goes on, and what is left is said
with its day.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType  # type: ignore[attr-defined]
from deltalake import DeltaTable

from tests.broker.trainer.reproducing import let_go
from tests.broker.trainer.world import DAY_ONE, HOUR, MODEL, MODEL_FILE, World, wind
from tests.support.polling import until
from tests.unit.operations.erase.tables import files_with
from tidemill.contracts.model_file.spec import PrivacyRule
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.scan import scan
from tidemill.rows.field_rules import privacy_rule
from tidemill.settings import KafkaSettings
from tidemill_cli.app import cli

GAUGE = "Gauge-of-Saint-Malo"
OTHERS = 700
OURS = 20


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    made = World(root, tmp_path, KafkaSettings(kafka_bootstrap=kafka, prefix=prefix))
    yield made
    made.close()


def test_a_gauge_is_forgotten_beside_a_running_trainer_and_what_is_left_is_told_with_its_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start()
    world.push_events(0, OTHERS)
    _push_ours(world)
    world.push_labels(0, OTHERS)
    until(lambda: len(_offsets(world)) == OTHERS + OURS, 60, "all events in the table")
    world.await_versions(1)
    _dead_letter(world)
    _compact(world, "labels_raw")

    planned, _ = _erase(world, monkeypatch, "--dry-run")
    assert {one["state"] for one in _holdings(planned, "table")} == {"erased"} and planned["dry_run"]
    assert len(_offsets(world)) == OTHERS + OURS, "a dry run erases nothing"

    told, done = _erase(world, monkeypatch, "--yes")
    assert done.exit_code == 1, "something is left"
    (rows, *_) = _holdings(told, "table")
    assert (rows["state"], rows["count"], rows["what"]) == ("erased", 2 * OURS, "rows")
    assert files_with(world.folder / "tables", GAUGE) == []
    assert len(_offsets(world)) == OTHERS
    for role, count in (("clean", OURS), ("labels", OURS), ("raw_dlq", 1)):
        (waits,) = _on_topic(world, told, role)
        assert (waits["state"], waits["count"]) == ("waits", count) and waits["until"].startswith("20")
    (buried,) = _on_topic(world, told, "labels_raw")
    assert buried["state"] == "waits" and "tombstone" in buried["why"]
    assert [value for key, value in _records(world, "labels_raw") if key == GAUGE.encode()] == [b"\0", None]
    (version,) = _holdings(told, "version 1")
    assert (version["state"], version["count"]) == ("remains", 2 * OURS) and "tidemill retrain" in version["cure"]
    assert GAUGE not in json.dumps(told) and GAUGE not in _audit(world, monkeypatch)

    world.push_events(OTHERS, 100)
    until(lambda: len(_offsets(world)) == OTHERS + 100, 60, "what comes later in the table")
    world.request("drift", DAY_ONE + 48 * HOUR, "f1")
    world.await_versions(2)
    assert world.stop() == 0
    again, _ = _erase(world, monkeypatch, "--yes")
    assert {one["what"] for one in _holdings(again, "table")} <= {"files of old versions"}, "no row is left to erase"
    assert _holdings(again, "version 1") == [version], "what it has learned is known still"
    assert not _holdings(again, "version 2"), "the next version has not learned from it"
    assert [value for key, value in _records(world, "labels_raw") if key == GAUGE.encode()] == [b"\0", None]

    _tidied(world, monkeypatch)

    let_go(world, "clean", {0: 400, 1: 200})
    said = _run(world, monkeypatch, "models", "reproduce", MODEL, "1", "--json")
    remarks = [one["what"] for one in json.loads(said.stdout)["remarks"]]
    assert any(one.startswith(f"{2 * OURS} of its rows were erased on 20") for one in remarks), remarks


def test_a_hashed_gauge_is_found_by_the_same_key_on_every_topic_and_without_it_nothing_is_guessed(
    kafka: str, prefix: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = KafkaSettings(kafka_bootstrap=kafka, prefix=prefix)
    hashing = MODEL_FILE.replace("  gauge: category\n", "") + "privacy: {gauge: hash}\n"
    made = World(root, tmp_path, settings, hashing)
    key = tmp_path / "privacy.key"
    key.write_bytes(b"k" * 32)
    hashed = privacy_rule(PrivacyRule("hash"), key.read_bytes())(GAUGE) or ""
    for role, names in (("raw", ("Other", GAUGE)), ("clean", ("Other", hashed))):
        rows = _records_of(names)
        values = made.codec.encode(rows, made.schemas.record(MODEL))
        keys = [name.encode() for name in names]
        made.publisher.publish_all([Output(made.catalog.name(role, MODEL), values, keys, [0, 1])])
    over_rest = _records_of((hashed, "Other"))
    for k, value in enumerate(made.codec.encode(over_rest, made.schemas.record(MODEL))):
        _predicted(made, f"asked-{k}", value)
    _predicted(made, "id-1", None)
    made.close()

    refused = _run(made, monkeypatch, "erase", "--entity", GAUGE, "--dry-run")
    assert refused.exit_code == 2 and "--privacy-key-file" in refused.output
    told, done = _erase(made, monkeypatch, "--yes", "--privacy-key-file", str(key))
    assert done.exit_code == 1
    for role, count in (("raw", 1), ("clean", 1), ("predictions", 2)):
        (waits,) = _on_topic(made, told, role)
        assert (waits["state"], waits["count"]) == ("waits", count), role
    other, _ = _erase(made, monkeypatch, "--yes", "--privacy-key-file", str(key), entity="Nobody-there")
    assert other["complete"] and other["models"][0]["holdings"] == []


def _records_of(names: tuple[str, ...]) -> pa.RecordBatch:
    numbers = np.arange(len(names))
    when = pa.array(DAY_ONE + numbers * 60_000, pa.timestamp("ms", "UTC"))
    ids = [f"id-{number}" for number in numbers]
    return pa.record_batch({"event_id": ids, "seen_at": when, "gauge": list(names), "wind": wind(numbers)})


def _predicted(world: World, event_id: str, value: bytes | None) -> None:
    """A prediction: over REST with the input that it was made from, else of the stream."""
    datum = {
        "prediction_id": f"p-{event_id}", "event_id": event_id, "model": MODEL, "source": "rest" if value else "stream",
        "event_time": DAY_ONE, "predicted_at": DAY_ONE, "version": 1, "epoch": 1, "arm": "champion", "probability": 0.5,
        "label": False, "input_partition": None if value else 0, "input_offset": None if value else 0, "input": value,
        "other_version": None, "other_probability": None, "other_label": None, "caller": None,
    }  # fmt: skip
    encoded = world.codec.encode_one(datum, world.schemas.prediction(MODEL))
    world.publisher.publish(world.catalog.name("predictions", MODEL), encoded, key=b"any", partition=0)


def _tidied(world: World, patched: pytest.MonkeyPatch) -> None:
    """What a killed run has left goes, and the versions stay."""
    store = world.folder / "artifacts" / MODEL
    versions = {path.name for path in store.iterdir()}
    left = store / "7-killed" / "model.onnx"
    left.parent.mkdir()
    left.write_bytes(b"half a model")
    for path in (left, *store.rglob("*")):
        os.utime(path, (time.time() - 400 * 24 * 3_600,) * 2)
    said = json.loads(_run(world, patched, "tidy", "--json").stdout)
    assert [Path(one["uri"]).name for one in said["artifacts"]] == ["7-killed"] and left.exists()
    done = _run(world, patched, "tidy", "--apply", "--superseded-after", "60d", "--json")
    assert json.loads(done.stdout)["applied"] and {path.name for path in store.iterdir()} == versions
    refused = _run(world, patched, "tidy", "--superseded-after", "1d")
    assert refused.exit_code == 2 and "need their versions" in refused.output


def _push_ours(world: World) -> None:
    numbers = np.arange(10_000, 10_000 + OURS)
    when = pa.array(DAY_ONE + (numbers - 10_000) * 60_000, pa.timestamp("ms", "UTC"))
    ids = [f"{GAUGE}-{number}" for number in numbers]
    events = pa.record_batch({"event_id": ids, "seen_at": when, "gauge": [GAUGE] * OURS, "wind": wind(numbers)})
    later = pa.array(DAY_ONE + (numbers - 10_000) * 60_000 + 600_000, pa.timestamp("ms", "UTC"))
    labels = pa.record_batch(
        {"event_id": ids, "label": pa.array(wind(numbers) > 0), "event_time": when, "observed_at": later}
    )
    for role, rows, schema in (
        ("clean", events, world.schemas.record(MODEL)),
        ("labels", labels, world.schemas.label(MODEL)),
    ):
        values = world.codec.encode(rows, schema)
        topic = world.catalog.name(role, MODEL)
        world.publisher.publish_all([Output(topic, values, [GAUGE.encode()] * OURS, [1] * OURS)])


def _dead_letter(world: World) -> None:
    topic = world.catalog.name("raw_dlq", MODEL)
    world.publisher.publish(topic, f"no record, but of {GAUGE}".encode(), key=b"k", partition=0)
    world.publisher.publish(topic, b"no record, of somebody else", key=b"k", partition=0)


def _compact(world: World, role: str) -> None:
    """A topic that somebody has made a compacted one, with a record of ours and one of others."""
    topic = world.catalog.name(role, MODEL)
    entry = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.SET)
    client = admin(world.settings)
    for future in client.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]
    ).values():
        future.result(30)
    world.publisher.publish(topic, b"\0", key=GAUGE.encode(), partition=1)
    world.publisher.publish(topic, b"\0", key=b"g3", partition=1)


def _records(world: World, role: str) -> list[tuple[bytes | None, bytes | None]]:
    batches = list(scan(world.settings, world.catalog.name(role, MODEL)))
    return [pair for batch in batches for pair in zip(batch.keys, batch.values, strict=True)]


def _offsets(world: World) -> list[int]:
    uri = world.folder / "tables" / f"{world.settings.prefix}{MODEL}"
    if not (uri / "_delta_log").exists():
        return []
    rows = DeltaTable(str(uri)).to_pyarrow_table(columns=["_offset"], filters=[("_kind", "=", "event")])
    return list(rows.column("_offset").to_pylist())


def _run(world: World, patched: pytest.MonkeyPatch, *arguments: str) -> Result:
    patched.chdir(world.folder)
    for name, value in world.environment().items():
        patched.setenv(name, value)
    return CliRunner().invoke(cli, list(arguments))


def _erase(
    world: World, patched: pytest.MonkeyPatch, *options: str, entity: str = GAUGE
) -> tuple[dict[str, Any], Result]:
    done = _run(world, patched, "erase", "--entity", entity, "--json", *options)
    assert done.stdout.startswith("{"), done.output
    return json.loads(done.stdout), done


def _holdings(told: dict[str, Any], where: str) -> list[dict[str, Any]]:
    (model,) = told["models"]
    return [one for one in model["holdings"] if one["where"].startswith(where)]


def _on_topic(world: World, told: dict[str, Any], role: str) -> list[dict[str, Any]]:
    where = f"topic {world.catalog.name(role, MODEL)}"
    return [one for one in _holdings(told, where) if one["where"] == where]


def _audit(world: World, patched: pytest.MonkeyPatch) -> str:
    said = _run(world, patched, "keys", "audit")
    assert '"erase"' in said.output, said.output
    return said.output
