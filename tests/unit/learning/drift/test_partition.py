"""Profiles follow from the logs alone: not from batches, interleaving or restarts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.learning.drift.streams import HOUR, Logs, logs, model, profiler, profiles_of
from tidemill.contracts.events.profiles import Profile
from tidemill_learning.drift.profiling.partition import Role

ROLES: tuple[Role, ...] = ("clean", "predictions", "labels")


def read_on(spec: Any, made: Logs, steps: list[tuple[int, int, bool]]) -> dict[str, Profile]:
    """Read the logs as `steps` say: (role, records, then die and restart from the last commit?), then the rest.

    Asserts that a profile that is written twice is the same both times.
    """
    reading, found = profiler(spec), {}
    at: dict[Role, int] = dict.fromkeys(ROLES, 0)

    def take(role: Role, count: int) -> None:
        end = min(at[role] + count, len(made.rows[role]))
        if end > at[role]:
            for profile in getattr(reading, role)(*made.batch(role, at[role], end)):
                assert found.setdefault(profile.profile_id, profile) == profile
            at[role] = end

    for role_number, count, dies in steps:
        take(ROLES[role_number], count)
        if dies:
            places = reading.commits()
            reading = profiler(spec, places=places)
            at = {role: _position(made, role, place.offset) for role, place in places.items()}
    for role in ROLES:
        take(role, len(made.rows[role]))
    return found


def _position(made: Logs, role: Role, offset: int) -> int:
    return sum(at < offset for at, _ in made.rows[role])


steps = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 120), st.booleans()), max_size=25)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), steps, st.sampled_from([30, 50, timedelta(hours=3)]))
def test_any_interleaving_and_any_restart_gives_the_same_profiles(seed: int, how: Any, window: Any) -> None:
    spec, made = model(window=window), logs(300, seed)
    assert read_on(spec, made, how) == read_on(spec, made, [])


@settings(max_examples=40, deadline=None)
@given(steps)
def test_the_same_holds_where_labels_are_hopelessly_late_or_predictions_begin_late(how: Any) -> None:
    spec, made = model(window=40, delay=1, expires=6), logs(300)
    made.rows["predictions"] = made.rows["predictions"][90:]
    late = [
        (offset, {**row, "observed_at": row["observed_at"] + (offset % 3) * 5 * HOUR})
        for offset, row in made.rows["labels"]
    ]
    made.rows["labels"] = late
    assert read_on(spec, made, how) == read_on(spec, made, [])


def test_every_label_of_a_closed_window_has_met_its_prediction() -> None:
    quality = [p for p in profiles_of(model(), logs(600)) if p.kind == "quality"]
    assert [p.window for p in quality] == list(range(len(quality)))
    assert len(quality) >= 8
    assert {p.errors[0].count for p in quality} == {50}


def test_windows_of_features_and_predictions_are_offsets_of_their_partition() -> None:
    found = profiles_of(model(), logs(230))
    features = [p for p in found if p.kind == "features"]
    assert [(p.first_offset, p.last_offset, p.records) for p in features] == [
        (n * 50, n * 50 + 49, 50) for n in range(4)
    ]
    assert [f.name for f in features[0].features] == ["x", "c"]
    scores = [p for p in found if p.kind == "predictions"]
    assert [sum(s.count for s in p.scores) for p in scores] == [50] * 4


def test_versions_and_arms_are_kept_apart() -> None:
    made = logs(300)
    for offset, row in made.rows["predictions"]:
        row["version"] = 1 if offset < 160 else 2
    shadow = [(offset, {**row, "arm": "challenger", "version": 9}) for offset, row in made.rows["predictions"]]
    both = sorted(made.rows["predictions"] + shadow, key=lambda entry: entry[0])
    made.rows["predictions"] = [(n, row) for n, (_, row) in enumerate(both)]
    errors = [e for p in profiles_of(model(), made) if p.kind == "quality" for e in p.errors]
    assert {(e.version, e.arm) for e in errors} == {(1, "champion"), (2, "champion"), (9, "challenger")}
    champions = sum(e.count for e in errors if e.arm == "champion")
    assert champions == sum(e.count for e in errors if e.arm == "challenger")


def test_what_rest_clients_ask_is_counted_apart_and_meets_no_label() -> None:
    made = logs(200)
    for offset, row in made.rows["predictions"]:
        if offset % 10 == 0:
            row["source"], row["event_time"] = "rest", 10**15
    found = profiles_of(model(), made)
    sources = {(s.source, s.count) for p in found if p.kind == "predictions" for s in p.scores}
    assert sources == {("stream", 45), ("rest", 5)}
    assert all(e.source == "stream" for p in found for e in p.errors)
    assert [p.window for p in found if p.kind == "quality"], "time asked for by a client moves no clock"


def test_a_record_from_the_future_counts_no_later_than_it_was_appended() -> None:
    made = logs(200)
    made.rows["labels"][3][1]["event_time"] = 2**60
    reading = profiler(model())
    reading.predictions(*made.batch("predictions", 0, 200))
    offsets, appended, rows = made.batch("labels", 0, 190)
    appended[:] = 150 * HOUR // 20
    assert [p for p in reading.labels(offsets, appended, rows) if p.kind == "quality"]


def test_labels_are_not_read_on_while_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemill_learning.drift.profiling.partition.MAX_LABELS", 100)
    reading, made = profiler(model()), logs(200)
    reading.labels(*made.batch("labels", 0, 120))
    assert reading.full
    reading.predictions(*made.batch("predictions", 0, 200))
    assert not reading.full


def test_predictions_that_get_no_label_are_let_go_when_they_expire() -> None:
    reading, made = profiler(model(expires=6)), logs(400)
    made.rows["labels"] = [(n, row) for n, (_, row) in enumerate(made.rows["labels"][200:])]
    for start in range(0, 400, 50):
        reading.predictions(*made.batch("predictions", start, start + 50))
    for start in range(0, len(made.rows["labels"]), 50):
        reading.labels(*made.batch("labels", start, start + 50))
    assert reading.join.unlabelled["stream"] > 150
    delays = reading.join.delays["stream"]
    assert len(delays) + reading.join.unlabelled["stream"] == 400
    assert 0 <= min(delays) < max(delays) < 5 * HOUR
    assert reading.join.waiting_predictions < 250


def test_a_seal_names_the_first_window_that_is_open() -> None:
    reading, made = profiler(model()), logs(120)
    reading.clean(*made.batch("clean", 0, 120))
    (seal,) = reading.seals("clean")
    assert (seal.sealed, seal.window, seal.records) == (True, 2, 0)


def test_multiclass_and_regression_have_profiles_too() -> None:
    made = logs(200)
    for _, row in made.rows["predictions"]:
        row["label"], row["probabilities"] = "a", [("a", 0.75), ("b", 0.25)]
        row["value"] = 2.0
    for _, row in made.rows["labels"]:
        row["label"] = "a" if row["label"] else "b"
    found = [p for p in profiles_of(model(task="multiclass"), made) if p.kind != "features"]
    assert {tuple(s.classes) for p in found for s in p.scores} == {("a",)}
    assert all(b.expected == pytest.approx(0.75 * b.count) for p in found for e in p.errors for b in e.buckets)
    for _, row in made.rows["labels"]:
        row["label"] = 2.5
    found = [p for p in profiles_of(model(task="regression"), made) if p.kind == "quality"]
    assert all(b.absolute == pytest.approx(0.5 * b.count) for p in found for e in p.errors for b in e.buckets)
