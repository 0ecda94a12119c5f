"""A stream of one number whose meaning turns round, and a learner that needs no time: for tests of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.spec import Feature, Target, Training
from tidemill_learning.backtest.fitting import Fits, Made, Order
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.training.examples import Task

BEGIN, MINUTE = 1_700_000_000_000, 60_000
MS = pa.timestamp("ms", tz="UTC")


def spec(task: Task = "binary", delay_rows: int = 50) -> ModelSpec:
    return ModelSpec(
        name="turning", schema_file="turning.avsc", entity="x", event_time="at",
        target=Target("y", task, delay=timedelta(minutes=max(1, delay_rows))),
        features=(Feature("x", "number", missing="median"),),
        training=Training("accuracy", ("gradient_boosting",), first_after=400),
    )  # fmt: skip


def table(rows: int, changes: tuple[int, ...] = (), *, seed: int = 1, delay_rows: int = 50) -> pa.Table:
    """`y` is `x > 0.5`, the other way round after every change, and wrong in one case of twenty."""
    rng = np.random.default_rng(seed)
    x = rng.random(rows)
    turned = np.searchsorted(np.array(changes), np.arange(rows), side="right") % 2 == 1
    y = (x > 0.5) ^ turned ^ (rng.random(rows) < 0.05)
    at = BEGIN + np.arange(rows, dtype=np.int64) * MINUTE
    return pa.table(
        {
            "_event_id": [f"e{k:06d}" for k in range(rows)],
            "_event_time": pa.array(at, pa.int64()).cast(MS),
            "_observed_at": pa.array(at + delay_rows * MINUTE, pa.int64()).cast(MS),
            "_label": pa.array(y),
            "x": pa.array(x),
        }
    )


def stream(rows: int, changes: tuple[int, ...] = (), **how: Any) -> Stream:
    return Stream.of(spec(), table(rows, changes, **how))


@dataclass
class Turned:
    """Says by one number; `straight`: whether high means true."""

    straight: bool
    fitted_until_ms: int
    classes: tuple[str, ...] = ("false", "true")
    threshold: float = 0.5

    def score(self, inputs: Mapping[str, Any]) -> np.ndarray:
        high = inputs["x"][:, 0] > 0.5
        return np.where(high == self.straight, 0.95, 0.05)


def learn(order: Order) -> Made:
    """Which way round the rows are, of those since the change (all, or the newest)."""
    stream = order.stream
    rows = stream.known_rows(order.labels)
    if order.change is not None:
        rows = rows[stream.event_time[rows] >= order.change.event_time]
    if order.newest is not None:
        rows = rows[-order.newest :]
    if len(rows) < 10:
        raise ValueError(f"{len(rows)} rows are too few")
    same = ((stream.inputs["x"][rows, 0] > 0.5) == (stream.target[rows] == 1)).mean()
    return Made(Turned(bool(same >= 0.5), int(stream.event_time[rows[-1]])))


def fits() -> Fits:
    """With a clock of which every look is a second later."""
    ticks = iter(range(10_000_000))
    return Fits(learn, lambda: float(next(ticks)))
