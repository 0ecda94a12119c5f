"""Rows of river's generators as labelled tables, one event a minute, with a label some hundred rows later."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.spec import Feature, Target, Training
from tidemill_learning.training.examples import Task
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT

BEGIN_MS = 1_700_000_000_000
STEP_MS = 60_000
DELAY_ROWS = 500
FIRST_AFTER = 2_000
TIME = pa.timestamp("ms", tz="UTC")


@dataclass(frozen=True, slots=True)
class Rows:
    """`x` [n, features], `y` [n] (0 ..)."""

    x: np.ndarray[Any, np.dtype[np.float64]]
    y: np.ndarray[Any, np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.y)


def taken(generator: Iterable[Any], count: int) -> Rows:
    """The first rows of a generator."""
    pairs = list(itertools.islice(iter(generator), count))
    return Rows(np.array([list(x.values()) for x, _ in pairs], float), np.array([int(y) for _, y in pairs]))


def abrupt(concepts: Sequence[Iterable[Any]], count: int) -> Rows:
    """One concept after the other, each for an equal share of `count` rows."""
    parts = [taken(one, count // len(concepts)) for one in concepts]
    return Rows(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]))


def gradual(before: Iterable[Any], after: Iterable[Any], count: int, width: int, seed: int) -> Rows:
    """Around the middle, over `width` rows, more and more of them are of the concept `after`."""
    one, other = taken(before, count), taken(after, count)
    share = 1.0 / (1.0 + np.exp(-4.0 * (np.arange(count) - count / 2) / width))
    turned = np.random.default_rng(seed).random(count) < share
    return Rows(np.where(turned[:, None], other.x, one.x), np.where(turned, other.y, one.y))


def spec_of(name: str, rows: Rows) -> ModelSpec:
    """A model file for the rows, with every default but `first_after` and the delay of labels."""
    task: Task = "binary" if rows.y.max() == 1 else "multiclass"
    return ModelSpec(
        name=name.replace("_", "-"), schema_file=f"{name}.avsc", entity="x0", event_time="at",
        target=Target("y", task, delay=timedelta(milliseconds=DELAY_ROWS * STEP_MS)),
        features=tuple(Feature(f"x{k}", "number", missing="median") for k in range(rows.x.shape[1])),
        training=Training(
            "accuracy", ("gradient_boosting", "logistic_regression"), first_after=FIRST_AFTER, newest=200_000
        ),
    )  # fmt: skip


def table_of(rows: Rows) -> pa.Table:
    """The rows as `join_labels` gives them."""
    at = BEGIN_MS + np.arange(len(rows), dtype=np.int64) * STEP_MS
    label = rows.y == 1 if rows.y.max() == 1 else rows.y.astype(str)
    return pa.table(
        {
            EVENT_ID: [f"e{k:08d}" for k in range(len(rows))],
            EVENT_TIME: pa.array(at, pa.int64()).cast(TIME),
            OBSERVED_AT: pa.array(at + DELAY_ROWS * STEP_MS, pa.int64()).cast(TIME),
            LABEL: pa.array(label),
            **{f"x{k}": rows.x[:, k] for k in range(rows.x.shape[1])},
        }
    )
