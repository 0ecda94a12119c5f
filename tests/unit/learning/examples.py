"""Made-up labelled rows for tests of training: small, seeded, with nulls and rare categories."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.spec import Feature, Gate, Target, Training
from tidemill_learning.training.examples import Task

START = 1_700_000_000_000
MINUTE = 60_000

FEATURES = (
    Feature("place", "category"),
    Feature("wind", "number"),
    Feature("rain", "number", missing="zero"),
    Feature("seen_at", "time", parts=("hour", "weekday"), zone="America/New_York"),
)


def spec(task: Task, *candidates: str) -> ModelSpec:
    """A model file for the made-up rows."""
    metric = "rmse" if task == "regression" else "roc_auc"
    return ModelSpec(
        name="toy",
        schema_file="toy.avsc",
        entity="place",
        event_time="seen_at",
        target=Target("label", task, delay=timedelta(minutes=30)),
        features=FEATURES,
        training=Training(
            metric,
            candidates or ("logistic_regression", "gradient_boosting"),
            newest=10_000,
            budget=timedelta(seconds=30),
            gate=Gate(None, 0.0),
            seed=7,
        ),
    )


def with_gate(model: ModelSpec, gate: Gate) -> ModelSpec:
    """The same model file with another gate."""
    return replace(model, training=replace(model.training, gate=gate))


def labelled(task: Task, count: int = 1_500, *, seed: int = 0, flipped: bool = False) -> pa.Table:
    """`count` rows, one a minute, as `join_labels` gives them; the label depends on place and wind."""
    random = np.random.default_rng(seed)
    place = random.choice(["a", "b", "c", "rare"], count, p=[0.5, 0.3, 0.19, 0.01])
    wind = random.normal(size=count)
    rain = random.exponential(size=count)
    signal = (-1 if flipped else 1) * (wind + 0.7 * (place == "b") - 0.3) + random.normal(scale=0.7, size=count)
    times = START + np.arange(count) * MINUTE
    return pa.table(
        {
            "place": pa.array(place, mask=random.random(count) < 0.02),
            "wind": pa.array(wind, mask=random.random(count) < 0.05),
            "rain": pa.array(rain, mask=random.random(count) < 0.05),
            "seen_at": pa.array(times * 1000, pa.timestamp("us", "UTC")),
            "_event_time": pa.array(times * 1000, pa.timestamp("us", "UTC")),
            "_observed_at": pa.array((times + 10 * MINUTE) * 1000, pa.timestamp("us", "UTC")),
            "_label": _label(task, signal),
        }
    )


def _label(task: Task, signal: np.ndarray) -> pa.Array:
    if task == "binary":
        return pa.array(signal > 0)
    if task == "multiclass":
        return pa.array(np.where(signal > 0.7, "high", np.where(signal > -0.5, "middle", "low")))
    return pa.array(signal * 10.0)
