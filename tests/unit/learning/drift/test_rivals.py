"""Champion and challenger on the same labels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.learning.drift.streams import HOUR, TOPICS, Logs, model
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.labels.outcomes import outputs_of
from tidemill_learning.drift.labels.paired_arms import Rivals, rivals_of
from tidemill_learning.drift.profiling.partition import PartitionProfiler
from tidemill_learning.release.gains import auc_gains


def trial(count: int = 400, *, share: float = 0.3, lost: float = 0.1) -> tuple[Logs, list[tuple[bool, float, float]]]:
    """Predictions at a trial of version 2 against 1, and their labels; gives also (label, champion, challenger) of
    those that both arms answered. A share `lost` has no answer of the other arm.
    """
    rng = np.random.default_rng(4)
    logs, both = Logs(), []
    for number in range(count):
        at, event_id, label = number * HOUR // 20, f"e{number}", bool(rng.random() < 0.4)
        old, new = (float(rng.uniform(0, 1)) for _ in range(2))
        challenged, answered = bool(rng.random() < share), bool(rng.random() >= lost)
        given, other = (new, old) if challenged else (old, new)
        logs.rows["predictions"].append((number, {
            "event_id": event_id, "event_time": at, "source": "stream", "version": 2 if challenged else 1,
            "epoch": 7 if number < count // 2 else 8, "arm": "challenger" if challenged else "champion",
            "probability": given, "other_version": 1 if challenged else 2,
            "other_probability": other if answered else None,
        }))  # fmt: skip
        logs.rows["labels"].append((number, {
            "event_id": event_id, "event_time": at, "observed_at": at + HOUR, "label": label,
        }))  # fmt: skip
        if answered:
            both.append((label, old, new))
    return logs, both


def profiles(logs: Logs, step: int) -> list[Profile]:
    profiler = PartitionProfiler(model(window=100), 0, TOPICS)
    made: list[Profile] = []
    for start in range(0, 400, step):
        made += profiler.predictions(*logs.batch("predictions", start, start + step))
        made += profiler.labels(*logs.batch("labels", start, start + step))
    return [profile for profile in made if profile.kind == "quality"]


def test_labels_compare_the_arms_that_both_answered_whichever_answer_went_out() -> None:
    logs, both = trial()
    found = [entry for profile in profiles(logs, 50) for entry in profile.comparisons]
    assert {(entry.champion, entry.challenger) for entry in found} == {(1, 2)}
    assert {entry.epoch for entry in found} == {7, 8}
    first = found[0]
    expected = auc_gains(*([row[k] for row in both[: first.labels]] for k in range(3)))  # type: ignore[arg-type]
    assert first.gains == pytest.approx(expected) and len(expected) > 5


def test_comparisons_do_not_depend_on_batches() -> None:
    logs, _ = trial()
    assert profiles(logs, 50) == profiles(logs, 200) == profiles(logs, 25)


def test_without_a_trial_there_is_nothing_to_compare() -> None:
    logs, _ = trial()
    for _, row in logs.rows["predictions"]:
        row["other_version"], row["other_probability"] = None, None
    assert all(profile.comparisons == () for profile in profiles(logs, 100))


@pytest.mark.parametrize(
    ("task", "columns", "expected"),
    [
        ("regression", {"value": [1.0], "other_value": [2.0]}, Rivals(3, 1, 2, 1.0, 2.0)),
        (
            "multiclass",
            {
                "label": ["a"],
                "probabilities": pa.array([[("a", 1.0)]], pa.map_(pa.string(), pa.float64())),
                "other_label": ["b"],
                "other_probabilities": pa.array([[("b", 0.9)]], pa.map_(pa.string(), pa.float64())),
            },
            Rivals(3, 1, 2, ("a", {"a": 1.0}), ("b", {"b": 0.9})),
        ),
    ],
)
def test_every_task_has_its_outputs(task: str, columns: dict[str, object], expected: Rivals) -> None:
    rows = pa.record_batch({**columns, "epoch": [3], "version": [1], "other_version": [2], "arm": ["champion"]})
    assert rivals_of(task, rows, outputs_of(task, rows)) == [expected]


def test_arms_that_were_asked_over_rest_are_compared_on_labels_too() -> None:
    logs, both = trial()
    for _, row in logs.rows["predictions"]:
        row["source"] = "rest"
    profiler = PartitionProfiler(model(window=100), 0, TOPICS)
    profiler.predictions(*logs.batch("predictions", 0, 400))
    profiler.labels(*logs.batch("labels", 0, 400))
    found = [entry for profile in profiler.read_to_end(2**60) for entry in profile.comparisons]
    assert sum(entry.labels for entry in found) == len(both)
    assert {(entry.champion, entry.challenger) for entry in found} == {(1, 2)}
