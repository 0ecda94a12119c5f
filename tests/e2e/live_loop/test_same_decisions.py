"""A backtest is held to the live loop: the same stream through both gives the same versions, alarms and decisions.

What may differ, and nothing else: where a topic has several partitions, label time takes labels in the order in which
they reached the training table, commit by commit; of one commit in that in which they were observed. A backtest knows
the latter alone. So the second test plays the order that the live loop had, and finds the same again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.live_loop.live import LiveLoop, in_order
from tests.e2e.live_loop.stream import MODEL, sine, write_files, write_model
from tests.support.processes import service_process
from tidemill.settings import KafkaSettings
from tidemill_learning.backtest.fitting import Fits
from tidemill_learning.backtest.playing import Played
from tidemill_learning.backtest.product import product_fit
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.training.labelled import EVENT_ID
from tidemill_operations.backtest.policies import ours

ROWS = 6_000
CAUSES = {"first_data": "first_data", "quality": "quality", "growth": "schedule"}
ALONE = ("--without", "never", "--without", "schedules", "--without", "forest", "--json")


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    write_model(tmp_path, root)
    return tmp_path


@pytest.fixture
def live(request: pytest.FixtureRequest, folder: Path, kafka: str, prefix: str) -> Iterator[LiveLoop]:
    made = LiveLoop(folder, KafkaSettings(kafka_bootstrap=kafka, prefix=prefix), request.param)
    yield made
    made.close()


def as_live(fit: dict[str, Any]) -> dict[str, Any]:
    """A backtest's fit, as the live loop tells it."""
    names = ("labels", "at_ms", "changed_ms", "outcome", "version", "fitted", "window")
    return {name: fit[name] for name in names} | {"cause": CAUSES[fit["cause"]], "state": "finished"}


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def assert_same(live: LiveLoop, fits: list[Any], alarms: list[Any], releases: list[Any]) -> None:
    """The live loop's decisions are these, in this order."""
    assert live.fits() == [as_live(fit) for fit in fits]
    assert live.alarms() == [(a["version"], moment(a["changed_ms"]), a["labels"]) for a in alarms]
    assert live.takeovers() == [(r["version"], r["why"], "released") for r in releases[1:]]
    assert live.releases() == [r["version"] for r in releases]


@pytest.mark.parametrize("live", [1], indirect=True)
def test_a_backtest_of_the_same_stream_makes_the_same_versions_alarms_and_decisions(
    live: LiveLoop, folder: Path
) -> None:
    rows = sine(ROWS)
    live.start()
    live.feed(rows)
    events, labels = write_files(folder, rows)
    env = service_process.environment({"schemas": folder / "schemas", "models_dir": folder / "models"})
    files = ("--data", str(events), "--labels", str(labels))
    played = service_process.run("backtest", MODEL, *files, *ALONE, env=env, timeout_s=300)
    assert played.returncode == 0, played.stderr
    (ours,) = json.loads(played.stdout)["policies"]

    live.until_assessed(ROWS)
    assert_same(live, ours["fits"], ours["alarms"], ours["releases"])
    assert len(ours["alarms"]) >= 1 and len(ours["releases"]) >= 2, "the change was found, and answered"
    assert {"passed", "undecided"} & {fit["outcome"] for fit in ours["fits"]}
    assert set(live.answered_by()) <= set(live.releases())


@pytest.mark.parametrize("live", [3], indirect=True)
def test_of_several_partitions_it_decides_the_same_in_the_order_in_which_labels_reached_the_table(
    live: LiveLoop,
) -> None:
    rows = sine(ROWS)
    live.start()
    live.feed(rows)
    live.until_assessed(ROWS)

    taken = in_order(live.table_uri, live.spec)
    assert taken.num_rows == len(set(taken.column(EVENT_ID).to_pylist())) == ROWS, "each row once"
    played = played_in_order(live, taken)
    assert_same(live, *([fields(one) for one in part] for part in (played.fits, played.alarms, played.releases)))
    assert len(played.alarms) >= 1 and len(played.releases) >= 2


def played_in_order(live: LiveLoop, taken: Any) -> Played:
    """What the backtest makes of rows that became known in this order."""
    made = Stream.of(live.spec, taken)
    place = {name: k for k, name in enumerate(made.rows.column(EVENT_ID).to_pylist())}
    order = np.array([place[name] for name in taken.column(EVENT_ID).to_pylist()], dtype=np.int64)
    policy = ours("Tidemill", live.spec, Fits(product_fit(live.spec), float))
    return policy.play(replace(made, order=order), lambda done, total: None)
