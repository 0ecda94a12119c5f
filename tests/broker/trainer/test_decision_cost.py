"""A version of a model whose wrong decisions have a cost: its threshold travels from the hold-out to the stream."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.trainer.reproducing import reproduced
from tests.broker.trainer.world import MODEL, MODEL_FILE, World
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.artifact import fetch_artifact
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings

PLAIN = "target: {label: high, task: binary, delay: 1h}"
COSTLY = "target: {label: high, task: binary, delay: 1h, cost: {false_positive: 1, false_negative: 9}}"


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    model_file = MODEL_FILE.replace(PLAIN, COSTLY).replace("metric:", "class_weights: {true: 2}\n  metric:")
    made = World(root, tmp_path, KafkaSettings(kafka_bootstrap=kafka, prefix=prefix), model_file)
    yield made
    made.close()


@pytest.fixture
def stream(world: World) -> Iterator[list[subprocess.Popen[Any]]]:
    """Where a test puts the stream worker that it starts."""
    started: list[subprocess.Popen[Any]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def predictions(world: World) -> list[dict[str, Any]]:
    topic, schema = world.catalog.name("predictions", MODEL), world.schemas.prediction(MODEL)
    return [
        row
        for batch in scan(world.settings, topic)
        for row in world.codec.decode(batch.values, schema).rows.to_pylist()
    ]


def test_the_threshold_of_the_hold_out_is_in_the_manifest_the_run_and_the_labels_of_the_stream(
    world: World, stream: list[subprocess.Popen[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push_events(0, 1_000)
    world.push_labels(0, 1_000)
    world.start()
    (first,) = world.await_versions(1)
    manifest = fetch_artifact(first.champion.artifact_uri, first.champion.manifest_digest).manifest
    assert manifest.threshold is not None and manifest.threshold < 0.4
    assert manifest.class_weights == {"false": 1.0, "true": 2.0}
    assert manifest.metrics["recall"] > 0.8 and manifest.metrics["cost"] > 0
    run = next(run for run in world.runs() if run.state == "finished")
    assert run.metrics["threshold"] == manifest.threshold
    assert "cost" in {evidence.detector for evidence in run.gate}

    shown = service_process.run("models", MODEL, env=world.environment(), cwd=world.folder)
    assert f"says true from a probability of {manifest.threshold:.4f} on" in shown.stdout, shown.stderr

    code, told = reproduced(world, monkeypatch, 1)
    (found,) = [one for one in told["compared"] if one["what"] == "threshold"]
    assert (code, found["found"]) == (0, repr(manifest.threshold)), told

    log = world.folder / "stream.log"
    stream.append(
        service_process.start("tidemill_inference", "stream", env=world.environment(), log=log, cwd=world.folder)
    )
    world.push_events(1_000, 400)
    until(lambda: len(predictions(world)) >= 400, 120, "all events are predicted")
    rows = predictions(world)
    assert all(row["label"] == (row["probability"] >= manifest.threshold) for row in rows)
    assert any(row["label"] and row["probability"] < 0.5 for row in rows), "it says true below one half"
