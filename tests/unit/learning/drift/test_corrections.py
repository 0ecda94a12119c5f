"""Of several labels for one event the one observed last counts, whatever their order, doubles and restarts."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import HOUR, Logs, logs, model
from tests.unit.learning.drift.test_partition import read_on, steps
from tidemill.contracts.events.profiles import Profile
from tidemill.stats.score_bins import bin_counts
from tidemill_learning.drift.detection.quality import SUMS, Totals


def corrected(count: int, seed: int) -> Logs:
    """Logs whose labels are doubled, contradicted by older and by newer ones, and shuffled within some hours."""
    rng = np.random.default_rng(seed)
    made = logs(count, seed)
    rows = [row for _, row in made.rows["labels"]]
    again = [dict(row) for row in rows if rng.random() < 0.3]
    newer = [{**row, "label": not row["label"], "observed_at": row["observed_at"] + HOUR} for row in rows[::4]]
    older = [{**row, "label": not row["label"], "observed_at": row["observed_at"] - HOUR} for row in rows[::7]]
    mixed = rows + again + newer + older
    places = np.argsort([row["observed_at"] + rng.uniform(0, 9) * HOUR for row in mixed], kind="stable")
    made.rows["labels"] = [(n, mixed[place]) for n, place in enumerate(places)]
    return made


def newest(made: Logs) -> dict[str, bool]:
    """The batch computation: of each event, the label observed last; of two at once, the first in the log."""
    found: dict[str, dict[str, Any]] = {}
    for _, row in made.rows["labels"]:
        known = found.get(row["event_id"])
        if known is None or row["observed_at"] > known["observed_at"]:
            found[row["event_id"]] = row
    return {event_id: row["label"] for event_id, row in found.items()}


def batch_sums(made: Logs) -> dict[str, float]:
    truth = newest(made)
    pairs = [
        (r["probability"], float(truth[r["event_id"]])) for _, r in made.rows["predictions"] if r["event_id"] in truth
    ]
    return {
        "count": len(pairs),
        "outcome": math.fsum(y for _, y in pairs),
        "expected": math.fsum(p for p, _ in pairs),
        "squared": math.fsum((y - p) ** 2 for p, y in pairs),
        "log_loss": math.fsum(-math.log(p if y else 1 - p) for p, y in pairs),
        "wrong": sum((p >= 0.5) != (y > 0) for p, y in pairs),
    }


def errors_of(profiles: dict[str, Profile]) -> list[dict[str, Any]]:
    return [error for profile in profiles.values() if profile.kind == "quality" for error in profile.errors]


def ended(made: Logs) -> Logs:
    """The same, and later predictions and labels of no event behind it, so that all windows before are closed."""
    last, offset = made.rows["predictions"][-1], len(made.rows["labels"])
    end = max(row["observed_at"] for _, row in made.rows["labels"])
    for n in range(120):
        at = end + 50 * HOUR + n
        made.rows["predictions"].append((last[0] + 1 + n, {**last[1], "event_id": f"end-{n}", "event_time": at}))
        made.rows["labels"].append((offset + n, {"event_id": "-", "event_time": 0, "observed_at": end, "label": False}))
    return made


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.sampled_from([20, 50, timedelta(hours=3)]))
def test_sums_over_all_windows_are_those_of_the_newest_labels(seed: int, window: Any) -> None:
    made = corrected(200, seed)
    truth, wanted = newest(made), batch_sums(made)
    totals = Totals(errors_of(read_on(model(window=window, expires=200, delay=24), ended(made), [])))
    if isinstance(window, timedelta):  # by time, labels that are more than a window late are left out
        assert totals.count <= wanted["count"]
        return
    assert set(wanted) <= set(SUMS)
    assert {name: totals.sums[name] for name in wanted} == pytest.approx(wanted)
    scores = {r["event_id"]: r["probability"] for _, r in made.rows["predictions"]}
    positives = [scores[e] for e, y in truth.items() if y and e in scores]
    negatives = [scores[e] for e, y in truth.items() if not y and e in scores]
    exact = np.mean([(a > b) + (a == b) / 2 for a in positives for b in negatives])
    assert totals.auc == pytest.approx(exact, abs=0.02)  # it is computed from bins


def in_time(made: Logs, expires: int) -> Logs:
    """The same without the labels that came when their prediction had expired."""
    at = {row["event_id"]: row["event_time"] for _, row in made.rows["predictions"]}
    clock, kept = 0, []
    for offset, row in made.rows["labels"]:
        clock = max(clock, row["observed_at"])
        if clock <= at.get(row["event_id"], -HOUR * expires) + expires * HOUR:
            kept.append((offset, row))
    return Logs({**made.rows, "labels": kept})


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50), st.sampled_from([20, 64]), st.sampled_from([5, 9, 200]))
def test_metrics_are_those_of_the_batch_to_the_last_bit_with_labels_shuffled_doubled_corrected_and_expired(
    seed: int, window: int, expires: int
) -> None:
    made = corrected(200, seed)
    for _, row in made.rows["predictions"]:  # so that sums are exact, in whatever order they are added
        row["probability"] = round(row["probability"] * 1024) / 1024
    truth = newest(in_time(made, expires))
    scores = {r["event_id"]: r["probability"] for _, r in made.rows["predictions"] if r["event_id"] in truth}
    y, p = np.array([truth[e] for e in scores], dtype=float), np.array(list(scores.values()))
    totals = Totals(errors_of(read_on(model(window=window, expires=expires, delay=24), ended(made), [])))
    exact = {
        "count": len(y), "outcome": y.sum(), "expected": p.sum(), "variance": (p * (1 - p)).sum(),
        "squared": ((y - p) ** 2).sum(), "absolute": np.abs(y - p).sum(), "wrong": ((p >= 0.5) != (y > 0)).sum(),
        "spiegelhalter": ((1 - 2 * p) * (y - p)).sum(),
        "spiegelhalter_variance": ((1 - 2 * p) ** 2 * p * (1 - p)).sum(),
    }  # fmt: skip
    assert {name: totals.sums[name] for name in exact} == exact
    assert totals.positives.tolist() == bin_counts(p[y > 0]).tolist()
    assert totals.negatives.tolist() == bin_counts(p[y == 0]).tolist()
    metrics = totals.metrics("binary")
    assert metrics["brier"] == exact["squared"] / len(y) and metrics["accuracy"] == 1 - exact["wrong"] / len(y)
    assert metrics["log_loss"] == pytest.approx(-np.log(np.where(y > 0, p, 1 - p)).mean(), rel=1e-12)
    if expires < 9:
        assert len(truth) < len(newest(made)), "some have expired"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), steps, st.sampled_from([30, timedelta(hours=3)]))
def test_corrections_give_the_same_profiles_whatever_the_interleaving_and_the_restarts(
    seed: int, how: Any, window: Any
) -> None:
    spec, made = model(window=window, delay=1, expires=30), corrected(200, seed)
    assert read_on(spec, made, how) == read_on(spec, made, [])


def test_a_correction_in_a_later_window_takes_back_what_the_first_label_said() -> None:
    made = logs(120)
    (_, first), at = made.rows["labels"][0], len(made.rows["labels"])
    first["label"] = False
    later = {**first, "label": True, "observed_at": first["observed_at"] + 30 * HOUR}
    made.rows["labels"].append((at, later))
    quality = [p for p in read_on(model(window=60), ended(made), []).values() if p.kind == "quality"]
    one, two = quality[0].errors[0], quality[1].errors[0]
    assert one.count == 60 and [b.count for b in two.buckets][-1] == 0
    assert two.buckets[-1].outcome == 1.0, "one outcome more than before"
    assert sum(one.positives) + sum(two.positives) == sum(r["label"] for r in map(dict, _counted(made)))


def _counted(made: Logs) -> list[dict[str, Any]]:
    truth = newest(made)
    known = {row["event_id"] for _, row in made.rows["predictions"]}
    return [{"label": label} for event_id, label in truth.items() if event_id in known]


def test_a_window_of_nothing_but_corrections_defines_no_metric() -> None:
    made = logs(100)
    rows = [row for _, row in made.rows["labels"]][:60]
    turned = [{**row, "label": not row["label"], "observed_at": row["observed_at"] + HOUR} for row in rows]
    made.rows["labels"] = list(enumerate([*rows, *turned]))
    quality = [p for p in read_on(model(window=60), ended(made), []).values() if p.kind == "quality"]
    totals = Totals(quality[1].errors)
    assert totals.count == 0 and totals.metrics("binary") == {} and totals.metrics("regression") == {}
