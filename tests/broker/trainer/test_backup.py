"""From nothing to the same versions with the same answers: a platform is backed up beside its work, all of it is
removed, and another broker with empty folders gets it back.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from tests.broker.trainer.world import DAY_ONE, HOUR, MODEL, World
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings
from tidemill_cli.app import cli
from tidemill_embedded.broker.broker import Broker
from tidemill_operations.backup.dump import dump

ROWS = [
    {"event_id": f"q{n}", "seen_at": DAY_ONE + n * HOUR, "gauge": f"g{n % 7}", "wind": wind}
    for n, wind in enumerate((-1.9, -0.4, 0.0, 0.7, 1.8))
]


def told(world: World, patched: pytest.MonkeyPatch, *arguments: str) -> tuple[int, dict[str, Any]]:
    """`tidemill ARGUMENTS --json` on a world: its exit code, and what it says."""
    service_process.take_on(world.environment(), world.folder, patched)
    done = CliRunner().invoke(cli, [*arguments, "--json"])
    return done.exit_code, json.loads(done.stdout) if done.stdout.startswith("{") else {"said": done.output}


def rows_of(world: World, name: str, file: str = "trainer.db") -> list[Any]:
    """The rows of a table of the database."""
    document = dump(f"sqlite:///{world.folder / file}")
    return next(one["rows"] for one in document["tables"] if one["name"] == name)


def table(world: World) -> Path:
    """Where the training table is."""
    return world.folder / "tables" / f"{world.settings.prefix}{MODEL}"


class Inference:
    """*serve* and *stream* on a world."""

    def __init__(self, world: World, processes: list[subprocess.Popen[Any]]) -> None:
        self._world = world
        self._processes = processes

    def start(self, command: str) -> None:
        log = self._world.folder / f"{command}.log"
        env = self._world.environment()
        self._processes.append(
            service_process.start("tidemill_inference", command, env=env, log=log, cwd=self._world.folder)
        )

    def answers(self) -> list[dict[str, Any]]:
        """What REST says of ROWS, once it is ready; without what each answer has of its own."""
        address = until(self._address, 60, "serve listens")
        until(lambda: httpx.get(f"{address}/health/ready", timeout=5).status_code == 200, 60, "serve is ready")
        answer = httpx.post(f"{address}/v1/models/{MODEL}/predict", json={"instances": ROWS}, timeout=30)
        answer.raise_for_status()
        return [{k: v for k, v in one.items() if k != "prediction_id"} for one in answer.json()["predictions"]]

    def streamed(self) -> dict[str, int]:
        """Version by event id, of what the stream has predicted."""
        world, found = self._world, {}
        for batch in scan(world.settings, world.catalog.name("predictions", MODEL)):
            for row in world.codec.decode(batch.values, world.schemas.prediction(MODEL)).rows.to_pylist():
                if row["source"] == "stream":
                    found[row["event_id"]] = row["version"]
        return found

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)
        self._processes.clear()

    def _address(self) -> str | None:
        log = (self._world.folder / "serve.log").read_text()
        said = [json.loads(line) for line in log.splitlines() if '"listening"' in line]
        return said[0]["address"] if said else None


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[Any]]]:
    """Those that run; what a failed test has left running ends with it."""
    running: list[subprocess.Popen[Any]] = []
    yield running
    for process in running:
        process.kill()
        process.wait(60)


@pytest.fixture
def elsewhere(root: Path, tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[World]:
    """Another broker and empty folders, for a platform of the same name."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with Broker(folder / "kafka") as broker:
        made = World(root, folder, KafkaSettings(kafka_bootstrap=broker.bootstrap, prefix=world.settings.prefix))
        yield made
        made.close()


def test_a_platform_comes_back_from_nothing_with_the_same_versions_and_answers_and_the_loop_goes_on(
    world: World, elsewhere: World, processes: list[subprocess.Popen[Any]],
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    place = (tmp_path_factory.mktemp("backups")).as_uri()
    second = (tmp_path_factory.mktemp("second")).as_uri()
    inference = Inference(world, processes)
    world.start(MLFLOW_TRACKING_URI="")
    for command in ("serve", "stream"):
        inference.start(command)
    world.push_events(0, 1_000)
    world.push_labels(0, 1_000)
    (first,) = world.await_versions(1)
    before = inference.answers()
    world.push_events(1_000, 20)
    until(lambda: "e1019" in inference.streamed(), 60, "the stream predicts")

    code, made = told(world, monkeypatch, "backup", "--to", place, "--also", second)
    assert (code, made["absent"]) == (0, []), made
    assert [(one["model"], one["version"], one["digest"]) for one in made["serving"]] == [
        (MODEL, 1, first.champion.manifest_digest)
    ]
    code, again = told(world, monkeypatch, "backup", "--to", place)
    assert code == 0
    assert again["new_bytes"] < made["new_bytes"] / 4, "a second backup copies what is new alone"
    assert told(world, monkeypatch, "backup", "verify", "--from", second)[0] == 0

    inference.stop()
    world.stop()
    (world.folder / "trainer.db").rename(world.folder / "lost.db")
    code, alone = told(world, monkeypatch, "restore", "--from", place, "--only", "database")
    assert (code, alone["database"], alone["files"], alone["records"]) == (0, True, 0, 0), alone
    assert rows_of(world, "runs") == rows_of(world, "runs", "lost.db")
    for name in ("artifacts", "tables"):
        shutil.rmtree(world.folder / name)
    (world.folder / "trainer.db").unlink()

    began = time.monotonic()
    code, back = told(elsewhere, monkeypatch, "restore", "--from", second)
    assert code == 0, back
    assert [(one["version"], one["problem"]) for one in back["serving"]] == [(1, None)]
    code, repeated = told(elsewhere, monkeypatch, "restore", "--from", second, "--only", "tables", "--only", "topics")
    assert (code, repeated["files"], repeated["records"]) == (0, 0, 0), "what is there already is left as it is"
    inference = Inference(elsewhere, processes)
    for command in ("serve", "stream"):
        inference.start(command)
    assert inference.answers() == before
    print(f"restored in {back['seconds']:.1f} s, answers after {time.monotonic() - began:.1f} s")

    (version,) = elsewhere.versions()
    assert (version.epoch, version.champion.version) == (first.epoch, 1)
    assert version.champion.manifest_digest == first.champion.manifest_digest
    assert sum(first.start_offsets) == 1_000
    assert version.start_offsets == (0, 0), "prediction begins with the first record of the new topic"
    assert [release.release_id for release in elsewhere.releases()] == [one.release_id for one in world.releases()]
    elsewhere.start(MLFLOW_TRACKING_URI="")
    elsewhere.push_events(2_000, 50)
    elsewhere.push_labels(2_000, 50)
    until(lambda: {f"e{n}" for n in range(2_000, 2_050)} <= inference.streamed().keys(), 60, "new events are predicted")
    assert set(inference.streamed().values()) == {1}
    request = elsewhere.request("manual", DAY_ONE + 48 * HOUR)
    until(lambda: any(run.request_id == request and run.version == 2 for run in elsewhere.runs()), 120, "version 2")
    inference.stop()
    elsewhere.stop()

    events = [
        row["event_id"]
        for row in DeltaTable(str(table(elsewhere))).to_pyarrow_table().to_pylist()
        if row["_kind"] == "event"
    ]
    assert len(events) == len(set(events)) == 1_070, "what the table had is not collected a second time"

    code, refused = told(elsewhere, monkeypatch, "restore", "--from", place)
    assert code == 1
    assert "nothing was written" in refused["said"]
    assert "table runs has" in refused["said"]
    (elsewhere.folder / "trainer.db").unlink()
    code, refused = told(elsewhere, monkeypatch, "restore", "--from", place, "--only", "database")
    assert code == 1
    assert "topics know of tide version 2, and the backup's database does not" in refused["said"]
    assert not (elsewhere.folder / "trainer.db").exists()
