"""Rows that are too old go from the training table of a running platform: collect and the trainer go on, and what is
said of versions holds.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable

from tests.broker.trainer.reproducing import let_go, reproduced
from tests.broker.trainer.world import DAY_ONE, HOUR, MODEL, MODEL_FILE, World
from tests.support.polling import until
from tidemill.settings import KafkaSettings
from tidemill_cli.app import cli

MINUTE = 60_000
OLD, BEFORE, ALL = 200, 900, 1_300
"""Events, one a minute: so many are too old at first, and one more each minute; so many are there before any goes."""


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    minutes = (time.time_ns() // 1_000_000 - DAY_ONE) // MINUTE - OLD
    kept = f"{MODEL_FILE}retention: {{rows: {minutes}m}}\n"
    made = World(root, tmp_path, KafkaSettings(kafka_bootstrap=kafka, prefix=prefix), kept)
    yield made
    made.close()


def test_old_rows_go_beside_a_running_trainer_and_versions_from_before_and_after_tell_the_truth(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start()
    world.push_events(0, BEFORE)
    world.push_labels(0, BEFORE)
    until(lambda: len(_numbers(world)) == BEFORE and len(_numbers(world, "label")) == BEFORE, 90, "all in the table")
    world.await_versions(1)

    (planned,) = _tidy(world, monkeypatch)["rows"]
    assert set(planned["rows"]) == {"event", "label"} and planned["unusable"] == 0
    assert OLD <= planned["rows"]["event"] < OLD + 60 and len(_numbers(world)) == BEFORE
    assert any("version 1" in one and "reads them from topics" in one for one in planned["follows"])

    said = _run(world, monkeypatch, "tidy").stdout
    assert "rows of events before 2023-11-1" in said and "nothing was deleted: say --apply" in said

    pushing = threading.Thread(target=_push_the_rest, args=(world,))
    pushing.start()
    _killed(world)
    gone = until(lambda: _gone(world, monkeypatch), 120, "rows gone, which wait for open runs")
    pushing.join()
    assert gone is not None
    first = _numbers(world)[0]
    assert gone["before"].startswith("2023-11-1") and OLD <= first < OLD + 60
    left = list(range(first, ALL))
    until(lambda: len(_numbers(world)) >= len(left), 90, "all that was pushed meanwhile in the table")
    assert _numbers(world) == left, "nothing is lost, and nothing there twice"
    assert set(left[:-1]) >= set(_numbers(world, "label")) >= set(range(first + 1, BEFORE)), "labels, too"

    at = DeltaTable(str(_table(world))).version()
    world.push_labels(BEFORE, ALL - BEFORE)
    until(lambda: len(_numbers(world, "label")) >= len(left) - 1, 90, "all labels in the table")
    world.request("drift", DAY_ONE + 48 * HOUR, "f1")
    until(lambda: _made_after(world, at), 180, "a version of what is left")
    for version in (1, _made_after(world, at)[-1]):
        code, told = reproduced(world, monkeypatch, version)
        assert code == 0, told
    assert world.stop() == 0

    let_go(world, "clean", {0: 300, 1: 200})
    code, told = reproduced(world, monkeypatch, 1)
    assert code == 1
    cures = [one["cure"] for one in told["remarks"]]
    assert any("cannot be made again any more: the training table has no rows of events before" in one for one in cures)


def _push_the_rest(world: World) -> None:
    for first in range(BEFORE, ALL, 50):
        world.push_events(first, 50)


def _killed(world: World) -> None:
    """A call that is killed while it looks at the table, or deletes from it."""
    called = subprocess.Popen(
        [sys.executable, "-m", "tidemill_cli", "tidy", "--apply"], env=world.environment(), cwd=world.folder,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert called.stderr is not None
    for line in called.stderr:
        if f"table of {MODEL}" in line:
            called.send_signal(signal.SIGKILL)
            break
    assert called.wait(timeout=60) == -signal.SIGKILL


def _gone(world: World, patched: pytest.MonkeyPatch) -> dict[str, Any] | None:
    """What a call has taken; None where a run held it. A killed call may have taken all: then a look finds nothing."""
    found = _tidy(world, patched, "--apply")["rows"]
    if not found:
        acts = _run(world, patched, "keys", "audit", "--json")
        (noted, *_) = [one for one in json.loads(acts.stdout) if one["act"] == "tidy.rows"]
        return {"before": _day(noted["detail"]["before"])}
    return found[0] if not found[0]["kept"] else None


def _day(ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(ms / 1_000))


def _made_after(world: World, table_version: int) -> list[int]:
    return [v.champion.version for v in world.versions() if v.champion.data_set.table_version >= table_version]


def _table(world: World) -> Path:
    return world.folder / "tables" / f"{world.settings.prefix}{MODEL}"


def _numbers(world: World, kind: str = "event") -> list[int]:
    if not (_table(world) / "_delta_log").exists():
        return []
    rows = DeltaTable(str(_table(world))).to_pyarrow_table(columns=["_event_id"], filters=[("_kind", "=", kind)])
    return sorted(int(name[1:]) for name in rows.column("_event_id").to_pylist())


def _run(world: World, patched: pytest.MonkeyPatch, *arguments: str) -> Result:
    patched.chdir(world.folder)
    for name, value in world.environment().items():
        patched.setenv(name, value)
    return CliRunner().invoke(cli, list(arguments))


def _tidy(world: World, patched: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    done = _run(world, patched, "tidy", "--json", *options)
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))
