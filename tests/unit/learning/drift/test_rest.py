"""What REST clients ask is watched as the stream is, and apart from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import HOUR, Logs, logs, model, profiler, published, reference
from tidemill.contracts.events.platform import DriftEvent, ModelPerformance, OffsetRange, RetrainRequest
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.detection.detector import Detector, Outcome
from tidemill_learning.drift.labels.join import REST_WAIT, SILENCE
from tidemill_learning.drift.profiling.log_values import Inputs
from tidemill_learning.drift.profiling.partition import ROLES, PartitionProfiler, Role

BEGAN = 10**12
"""When the first event happened; what is of it is appended in the same hour."""


class Asked(Logs):
    """Logs of one partition in which every `share` events of the stream are asked over REST instead, or too."""

    def batch(self, role: Role, start: int, end: int) -> tuple[Any, Any, pa.RecordBatch]:
        offsets, _, rows = super().batch(role, start, end)
        appended = np.array([row["_appended"] for _, row in self.rows[role][start:end]], dtype=np.int64)
        return offsets, appended, rows

    def take(self, reading: PartitionProfiler, role: Role, start: int, end: int) -> list[Profile]:
        """Have records read."""
        offsets, appended, rows = self.batch(role, start, end)
        if role != "predictions":
            return getattr(reading, role)(offsets, appended, rows)  # type: ignore[no-any-return]
        asked = [(k, row) for k, (_, row) in enumerate(self.rows[role][start:end]) if row["source"] == "rest"]
        inputs = pa.RecordBatch.from_pylist([row["_input"] for _, row in asked]) if asked else None
        at = np.array([k for k, _ in asked], dtype=np.int64)
        found = None if inputs is None else Inputs(at, inputs)
        return reading.predictions(offsets, appended, rows, inputs=found)


def asked(
    count: int, seed: int = 0, *, rest: float = 1.0, worse: float = 0.0, first: int = 0, partition: int = 0
) -> Asked:
    """The logs of `logs`, of which a share `rest` was asked over REST: event time is when it was asked."""
    rng, made, plain = (
        np.random.default_rng([seed, 7]),
        Asked(),
        logs(count, seed, worse=worse, first=first, partition=partition),
    )
    inputs = dict(plain.rows["clean"])
    for offset, row in plain.rows["predictions"]:
        at = BEGAN + row["event_time"]
        source = "rest" if rng.random() < rest else "stream"
        made.rows["predictions"].append(
            (offset, {**row, "source": source, "event_time": at, "_appended": at + 50, "_input": inputs[offset]})
        )
        if source == "stream":
            made.rows["clean"].append((offset, {**inputs[offset], "at": at, "_appended": at + 20}))
    for offset, row in plain.rows["labels"]:
        at, seen = BEGAN + row["event_time"], BEGAN + row["observed_at"]
        made.rows["labels"].append((offset, {**row, "event_time": at, "observed_at": seen, "_appended": seen + 10}))
    return made


def read(spec: Any, made: Asked, how: list[tuple[int, int, bool]], partition: int = 0) -> dict[str, Profile]:
    """Read the logs as `how` says ((role, records, die and begin again at what is committed?)), then the rest."""
    reading, found = profiler(spec, partition), {}
    at: dict[Role, int] = dict.fromkeys(ROLES, 0)

    def take(role: Role, count: int) -> None:
        end = min(at[role] + count, len(made.rows[role]))
        if end > at[role]:
            for profile in made.take(reading, role, at[role], end):
                assert found.setdefault(profile.profile_id, profile) == profile
            at[role] = end

    for number, count, dies in how:
        take(ROLES[number], count)
        if dies:
            places = reading.commits()
            reading = profiler(spec, partition, places)
            at = {role: sum(o < place.offset for o, _ in made.rows[role]) for role, place in places.items()}
    for role in ROLES:
        take(role, len(made.rows[role]))
    return found


def side_by_side(spec: Any, made: Asked, partition: int = 0) -> list[Profile]:
    steps = [(role, 20, False) for _ in range(max(map(len, made.rows.values())) // 20 + 1) for role in range(3)]
    return list(read(spec, made, steps, partition).values())


steps = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 120), st.booleans()), max_size=20)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), steps, st.sampled_from([30, 50, timedelta(hours=3)]), st.sampled_from([0.0, 0.02, 0.4, 1.0]))
def test_any_interleaving_and_any_restart_gives_the_same_profiles(
    seed: int, how: Any, window: Any, rest: float
) -> None:
    spec, made = model(window=window), asked(300, seed, rest=rest)
    assert read(spec, made, how) == read(spec, made, [])


def test_a_model_that_is_only_asked_over_rest_has_features_scores_and_labels() -> None:
    found = side_by_side(model(), asked(400))
    assert {p.source for p in found if p.features or p.scores or p.errors} == {"rest"}
    found = [p for p in found if p.source == "rest"]
    by_kind = {kind: [p for p in found if p.kind == kind] for kind in ("features", "predictions", "quality")}
    assert {len(by_kind["features"]), len(by_kind["predictions"])} == {8}
    assert all(f.count == 50 for p in by_kind["features"] for f in p.features)
    assert all(p.topic == "p" for p in by_kind["features"])
    assert len(by_kind["quality"]) >= 5
    assert all(e.source == "rest" and e.count == 50 for p in by_kind["quality"] for e in p.errors)


def test_what_both_ask_is_told_apart() -> None:
    found = side_by_side(model(window=100), asked(600, rest=0.5))
    for kind in ("features", "predictions", "quality"):
        sources = {p.source for p in found if p.kind == kind}
        assert sources == {None, "rest"}, kind
    errors = [e for p in found for e in p.errors]
    assert {e.source for e in errors} == {"stream", "rest"}
    labels = [p for p in found if p.kind == "quality" and p.source is None]
    both = {p.window for p in found if p.kind == "quality" and p.source == "rest"}
    for profile in labels:
        if profile.window in both:
            counted = [e.count for p in found if p.window == profile.window for e in p.errors]
            assert sum(counted) == 100, "every label met one prediction, the stream's or REST's"


def test_an_event_that_the_stream_answers_too_counts_once() -> None:
    made = asked(300, rest=0.0)
    twice = []
    for offset, row in made.rows["predictions"]:
        twice += [(2 * offset, {**row, "source": "rest"}), (2 * offset + 1, row)]
    made.rows["predictions"] = twice
    quality = [p for p in side_by_side(model(), made) if p.kind == "quality"]
    assert sum(e.count for p in quality for e in p.errors if e.source == "stream") >= 200
    assert not [e for p in quality for e in p.errors if e.source == "rest"]


def test_an_event_that_is_asked_again_and_again_counts_once_by_its_first_answer() -> None:
    made, again = asked(200), []
    for offset, row in made.rows["predictions"]:
        again += [(3 * offset + k, {**row, "probability": row["probability"] + k / 2}) for k in range(3)]
    made.rows["predictions"] = again
    errors = [e for p in side_by_side(model(), made) for e in p.errors]
    assert {e.count for e in errors} == {50}
    assert all(b.expected / b.count < 0.5 for e in errors for b in e.buckets)


def test_labels_that_nobody_will_ask_about_any_more_are_told_once_the_log_is_read_to_its_end() -> None:
    made, reading = asked(200), profiler(model())
    made.take(reading, "predictions", 0, 200)
    for _, row in made.rows["labels"]:
        row["_appended"] = BEGAN + 100 * HOUR
    assert not made.take(reading, "labels", 0, 150)
    assert reading.awaits_rest()
    assert not reading.read_to_end(BEGAN + 100 * HOUR + REST_WAIT)
    quality = reading.read_to_end(BEGAN + 100 * HOUR + REST_WAIT + 1)
    assert [p.errors[0].count for p in quality] == [50, 50, 50]
    assert not reading.awaits_rest()


def test_labels_wait_no_longer_for_a_stream_that_has_been_silent_for_an_hour_while_clients_ask() -> None:
    reading = profiler(model(expires=1_000))
    made = asked(200)
    for _, row in made.rows["predictions"]:
        row["_appended"] = BEGAN
    made.take(reading, "predictions", 0, 200)
    for _, row in made.rows["labels"]:
        row["_appended"] = BEGAN + 1
    made.take(reading, "labels", 0, 150)
    later, (_, one) = asked(1), made.rows["predictions"][-1]
    later.rows["predictions"] = [(300, {**one, "_appended": BEGAN + 2 + SILENCE, "event_id": "other"})]
    assert reading.join.open_labels == 150
    later.take(reading, "predictions", 0, 1)
    assert reading.join.open_labels == 0


def test_many_labels_of_a_model_without_a_stream_hold_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("profiling.partition", "labels.join"):
        monkeypatch.setattr(f"tidemill_learning.drift.{place}.MAX_LABELS", 100)
    reading, made = profiler(model()), asked(400)
    for _, row in made.rows["labels"]:
        row["_appended"] = BEGAN + 100 * HOUR
    made.take(reading, "predictions", 0, 400)
    made.take(reading, "labels", 0, 380)
    assert reading.full
    reading.read_to_end(BEGAN + 101 * HOUR)
    assert not reading.full


def run(spec: Any, *parts: Asked, partitions: int = 1, champion: Any = None) -> list[Outcome]:
    detector, found = Detector(spec, "c", predictions_topic="p"), []
    detector.set_champion(champion or published(partitions=4), reference())
    profiles = [p for number, part in enumerate(parts) for p in side_by_side(spec, part, number)]
    for profile in sorted(profiles, key=lambda p: (p.ended_at, p.partition)):
        found += detector.apply(profile, 5)
        detector = Detector(spec, "c", detector.to_bytes(), "p")
        detector.set_champion(champion or published(partitions=4), reference())
    return found


def worse_later(count: int, partition: int = 0, **odd: Any) -> Asked:
    calm, worse = asked(count, 1, partition=partition), asked(count, 2, first=count, partition=partition, worse=0.3)
    for role in ("clean", "predictions"):
        calm.rows[role] += worse.rows[role]  # type: ignore[index]
    first = len(calm.rows["labels"])
    calm.rows["labels"] += [(first + n, row) for n, (_, row) in enumerate(worse.rows["labels"])]
    for offset, row in calm.rows["predictions"]:
        if offset >= count:
            row["_input"] = {**row["_input"], **odd}
    return calm


def of(kind: Any, outcomes: list[Outcome]) -> list[Any]:
    return [outcome for outcome in outcomes if isinstance(outcome, kind)]


def test_a_model_that_gets_worse_over_rest_is_found_and_labels_ask_for_themselves() -> None:
    outcomes = run(model(window=200), worse_later(1_500))
    assert {p.source for p in of(ModelPerformance, outcomes)} == {"rest"}
    quality = [e for e in of(DriftEvent, outcomes) if e.kind == "quality"]
    assert quality and all(e.source == "rest" and e.detail.startswith("over REST: ") for e in quality)
    assert of(RetrainRequest, outcomes) == []


def test_partitions_that_nobody_asks_about_are_not_waited_for() -> None:
    spec = model(window=200)
    assert of(DriftEvent, run(spec, worse_later(1_500), worse_later(1_500, 1)))


def test_inputs_that_moved_are_found_in_what_rest_clients_ask() -> None:
    outcomes = run(model(window=200), worse_later(1_500, x=160.0))
    features = [e for e in of(DriftEvent, outcomes) if e.kind == "feature"]
    assert [(e.subject, e.source, e.detector) for e in features] == [("x", "rest", "psi")]
    assert features[0].offsets[0].topic == "p"


def test_rest_inputs_that_the_champion_learned_from_are_not_compared_with_it() -> None:
    learned = [OffsetRange(topic="p", partition=0, first=0, last=10_000)]
    champion = published(partitions=4, offsets=learned)
    outcomes = run(model(window=200), worse_later(1_500, x=160.0), champion=champion)
    assert not [e for e in of(DriftEvent, outcomes) if e.kind == "feature"]


def test_the_stream_stays_calm_where_only_what_rest_asks_gets_worse() -> None:
    worse, calm, merged = worse_later(1_500), asked(3_000, 5, rest=0.0), Asked()
    for role in ("predictions", "labels"):
        for _, row in calm.rows[role]:  # type: ignore[index]
            row["event_id"] = f"stream-{row['event_id']}"
    for role in ROLES:
        rows = sorted((row for made in (worse, calm) for _, row in made.rows[role]), key=lambda row: row["_appended"])
        merged.rows[role] = list(enumerate(rows))
    found = of(DriftEvent, run(model(window=400), merged))
    assert {(e.kind, e.source) for e in found} == {("quality", "rest")}
