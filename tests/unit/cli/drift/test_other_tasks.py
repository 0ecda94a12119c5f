"""Classes and values are looked at as probabilities are, and what cannot be told of them is said so."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from tests.support.drift_profiles import QUANTILES, REFERENCE, features, number, profile
from tidemill.contracts.events.profiles import ErrorProfile, Profile, ScoreProfile
from tidemill_cli.rendering.drift.page import page
from tidemill_cli.rendering.drift.rows import as_dict
from tidemill_cli.rendering.drift.table import show
from tidemill_learning.drift.labels.error_bins import buckets, multiclass, regression
from tidemill_learning.drift.report.picture import Picture
from tidemill_operations.drift.history import History, Measured
from tidemill_operations.drift.job import Report

CLASSES = {"shares": {"low": 0.5, "high": 0.5}, "count": 1_000, "means": {}, "quantiles": {}}
VALUES = {"quantiles": (QUANTILES * 100).tolist(), "mean": 50.0, "count": 1_000}


def of_classes(window: int) -> list[Profile]:
    rng = np.random.default_rng(window)
    p = rng.uniform(0.5, 0.9, 300)
    right = rng.random(300) < p
    predicted = [("low", {"low": float(one), "high": 1 - float(one)}) for one in p]
    labels = ["low" if one else "high" for one in right]
    told = ErrorProfile(source="stream", version=1, arm="champion", count=300,
                        buckets=tuple(buckets(multiclass(labels, predicted, range(300)))))  # fmt: skip
    said = ScoreProfile(source="stream", version=1, arm="champion", count=300, classes={"low": 270, "high": 30})
    return [features(window), profile("predictions", window, 300, scores=(said,)),
            profile("quality", window, 300, errors=(told,))]  # fmt: skip


def of_values(window: int) -> list[Profile]:
    rng = np.random.default_rng(window)
    values = rng.uniform(60, 160, 300)
    wrong = regression((values + 5).tolist(), values.tolist(), range(300))
    told = ErrorProfile(source="stream", version=1, arm="champion", count=300, buckets=tuple(buckets(wrong)))
    said = ScoreProfile(source="stream", version=1, arm="champion", count=300, sketch=number("v", values).sketch)
    return [features(window), profile("predictions", window, 300, scores=(said,)),
            profile("quality", window, 300, errors=(told,))]  # fmt: skip


def report(task: str, metric: str) -> Report:
    reference = {**REFERENCE, "predictions": CLASSES if task == "multiclass" else VALUES, "metrics": {metric: 0.6}}
    picture = Picture(reference, version=1, width=1)
    for window in range(3):
        for one in of_classes(window) if task == "multiclass" else of_values(window):
            picture.add(one)
    windows = tuple(Measured(k * 600_000, (k + 1) * 600_000, "stream", 1, "champion", 300, {metric: 0.5}, {metric: 0.6})
                    for k in range(3))  # fmt: skip
    return Report(model="loan", task=task, metric=metric, version=1, reference=reference,
                  sources={"stream": picture.sources["stream"]}, hidden=frozenset(),
                  history=History((), (), (), windows), profiles=9, unread=0)  # fmt: skip


def shown(found: Report) -> str:
    out = io.StringIO()
    show(Console(file=out, width=300), found)
    return out.getvalue()


def test_classes_promise_on_labelled_predictions_alone() -> None:
    found = report("multiclass", "accuracy")
    told = shown(found)
    assert "predictions: now low 90%, high 10%; held out high 50%, low 50%; PSI" in told
    assert "before labels: of 900 labelled predictions of version 1 accuracy 0.70" in told
    stream = as_dict(found)["sources"]["stream"]
    assert stream["expected_over_time"] == [] and stream["calibration"] == []
    assert stream["promise"]["expected"]["accuracy"] == pytest.approx(stream["promise"]["found"]["accuracy"], abs=0.04)


def test_values_promise_nothing_and_it_is_said_why() -> None:
    told = shown(report("regression", "rmse"))
    assert "before labels: a value claims no probability" in told
    assert "quality: rmse 0.5 on 300 labels" in told
    assert "held out mean 50, median 50 (5 to 95)" in told


@pytest.mark.parametrize(("task", "metric"), [("multiclass", "accuracy"), ("regression", "rmse")])
def test_page_and_json_are_whole_for_them_too(task: str, metric: str) -> None:
    found = report(task, metric)
    assert json.loads(json.dumps(as_dict(found), allow_nan=False))["task"] == task
    made = page(found)
    assert made.count('<svg class="courses"') == (3 if task == "multiclass" else 2)
    assert "nan" not in made.lower().split("<body>")[1]
