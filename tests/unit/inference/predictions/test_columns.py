from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.support.models.toy_models import toy_manifest
from tests.unit.inference.fakes import FEATURE, MODEL, NOW_MS, SCHEMAS, ToyModel, codec, event
from tests.unit.inference.trial.trials import distances, trial
from tidemill.artifact import FeatureColumn, Manifest
from tidemill.contracts.schemas.catalog import Schema
from tidemill_inference.predictions.columns import prediction_rows
from tidemill_inference.serving.serving import Predictions, Serving

FEATURES = (FeatureColumn("distance", "number"),)
BINARY = Manifest(
    model="m",
    version=3,
    task="binary",
    output="p",
    features=FEATURES,
    classes=("no", "yes"),
    positive_class="yes",
)
MULTICLASS = Manifest(model="m", version=3, task="multiclass", output="p", features=FEATURES, classes=("a", "b", "c"))
REGRESSION = Manifest(model="m", version=3, task="regression", output="y", features=FEATURES)


def encoded(manifest: Manifest, scores: np.ndarray, schema: Schema) -> list[dict[str, object]]:
    """The predictions as they come back from the wire."""
    n = len(scores)
    serving = Serving(event(7, 3), ToyModel(3, manifest), NOW_MS)
    rows = prediction_rows(
        Predictions(serving, scores),
        prediction_ids=[f"p{i}" for i in range(n)],
        event_ids=pa.array([f"e{i}" for i in range(n)]),
        event_times=pa.array([NOW_MS] * n, pa.timestamp("ms", tz="UTC")),
        source="stream",
        predicted_at_ms=NOW_MS + 5,
        input_partition=pa.array([1] * n, pa.int32()),
        input_offset=pa.array(range(n), pa.int64()),
    )
    decoded = codec().decode(codec().encode(rows, schema), schema)
    assert not decoded.bad
    return list(decoded.rows.to_pylist())


def test_a_binary_prediction_survives_the_wire() -> None:
    rows = encoded(BINARY, np.array([0.25, 0.75]), SCHEMAS.platform("prediction-binary"))
    assert [row["probability"] for row in rows] == [0.25, 0.75]
    assert {(row["version"], row["epoch"], row["arm"], row["source"]) for row in rows} == {(3, 7, "champion", "stream")}
    assert [(row["input_partition"], row["input_offset"], row["input"]) for row in rows] == [
        (1, 0, None),
        (1, 1, None),
    ]


def test_a_binary_prediction_has_the_label_of_its_versions_threshold() -> None:
    schema, scores = SCHEMAS.platform("prediction-binary"), np.array([0.15, 0.25, 0.75])
    assert [row["label"] for row in encoded(BINARY, scores, schema)] == [False, False, True]
    assert [row["label"] for row in encoded(replace(BINARY, threshold=0.2), scores, schema)] == [False, True, True]


def test_during_a_trial_each_arm_decides_by_its_own_threshold() -> None:
    eager = ToyModel(2, replace(toy_manifest(MODEL, 2, FEATURE), threshold=0.1))
    serving = trial(0.5, eager)
    rows = distances(*range(100, 500, 10))
    predictions = serving.predict(rows, [f"k{n}".encode() for n in range(rows.num_rows)])
    assert predictions.both is not None
    predictions.both.complete()
    found = prediction_rows(
        predictions, prediction_ids=["p"] * rows.num_rows, event_ids=pa.array(["e"] * rows.num_rows),
        event_times=pa.array([NOW_MS] * rows.num_rows, pa.timestamp("ms", tz="UTC")), source="stream",
        predicted_at_ms=NOW_MS,
    ).to_pylist()  # fmt: skip
    at = {1: 0.5, 2: 0.1}
    assert {row["version"] for row in found} == {1, 2}
    for row in found:
        assert row["label"] == (row["probability"] >= at[row["version"]])
        assert row["other_label"] == (row["other_probability"] >= at[row["other_version"]])


def test_a_multiclass_prediction_survives_the_wire_with_all_its_probabilities() -> None:
    scores = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    rows = encoded(MULTICLASS, scores, SCHEMAS.platform("prediction-multiclass"))
    assert [row["label"] for row in rows] == ["b", "a"]
    assert dict(rows[0]["probabilities"]) == {"a": 0.2, "b": 0.5, "c": 0.3}  # type: ignore[call-overload]


def test_a_regression_survives_the_wire() -> None:
    rows = encoded(REGRESSION, np.array([1.5, -2.0]), SCHEMAS.platform("prediction-regression"))
    assert [row["value"] for row in rows] == [1.5, -2.0]


@pytest.mark.parametrize(
    ("manifest", "scores", "schema"),
    [
        (BINARY, np.empty(0), "prediction-binary"),
        (MULTICLASS, np.empty((0, 3)), "prediction-multiclass"),
        (REGRESSION, np.empty(0), "prediction-regression"),
    ],
)
def test_no_scores_are_no_predictions(manifest: Manifest, scores: np.ndarray, schema: str) -> None:
    assert encoded(manifest, scores, SCHEMAS.platform(schema)) == []
