"""Nobody can be found in a copy, whatever stands in the table; and nothing else is changed or lost."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.operations.anonymise.patients import platform_of, source_of, spec_of, visit
from tidemill_operations.anonymise.choices import Choices
from tidemill_operations.anonymise.fields import plans_of
from tidemill_operations.anonymise.files import Form, Target
from tidemill_operations.anonymise.make import Copy, make_copy
from tidemill_operations.anonymise.pseudonyms import Pseudonyms
from tidemill_operations.platform import PlatformView

KEEP = {"ward": "keep", "room": "keep", "clinic": "keep", "turn": "keep", "note": "mask", "outcome": "keep"}
KEY = Pseudonyms(b"k" * 32)
STRANGE = st.text("ghijkmqvwxyzäß雪", min_size=4, max_size=7)
"""Letters that no hash and no word of a file has next to one another by chance."""

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="module")
def platform(root: Path, tmp_path_factory: pytest.TempPathFactory) -> PlatformView:
    return platform_of(root, tmp_path_factory.mktemp("visits"))


def copy_of(
    platform: PlatformView, rows: list[dict[str, Any]], outcomes: list[str], key: Pseudonyms = KEY, **said: Any
) -> Copy:
    given: dict[str, Any] = {"fields": KEEP, "rare": 2} | said
    choices = Choices(**given)
    plans = plans_of(spec_of(platform), platform.schemas.record("visits"), choices)
    return make_copy(spec_of(platform), plans, choices, source_of(platform, rows, outcomes), key, lambda *_: None)


def all_bytes(copy: Copy, tmp: Path) -> str:
    """Of the files in both forms; those of Parquet decoded, too."""
    found = b""
    forms: tuple[Form, ...] = ("parquet", "jsonl")
    for form in forms:
        target = Target(str(tmp), form)
        for name, table in zip(target.names, (copy.events, copy.labels), strict=True):
            data = target.bytes_of(name, table)
            found += data
            if form == "parquet":
                found += str(pq.read_table(pa.BufferReader(data)).to_pylist()).encode()
    return found.decode("utf-8", "replace")


@st.composite
def visits(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str]]:
    people = draw(st.lists(STRANGE, min_size=1, max_size=6, unique=True))
    wards = draw(st.lists(st.text("GHJKMQ", min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
    rows, outcomes = [], []
    for number in range(draw(st.integers(1, 16))):
        patient = draw(st.sampled_from([*people, None]))
        rows.append(
            visit(
                number, patient, visit=f"{draw(STRANGE)}{number}", ward=draw(st.sampled_from([*wards, None])),
                room=draw(st.sampled_from(wards)), clinic=draw(st.sampled_from("ABC")),
                surname=draw(STRANGE), phone=draw(STRANGE), insurer=draw(STRANGE),
                note=draw(st.none() | STRANGE), weight=draw(st.none() | NUMBERS),
            )
        )  # fmt: skip
        outcomes.append(draw(st.sampled_from(["better", "worse", "unknown"])))
    return rows, outcomes


QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(visits(), st.booleans())
def test_no_name_no_id_and_no_hidden_value_stands_in_any_byte_of_a_copy(
    platform: PlatformView, tmp_path: Path, made: tuple[list[dict[str, Any]], list[str]], shifted: bool
) -> None:
    rows, outcomes = made
    copy = copy_of(platform, rows, outcomes, shift=timedelta(days=30) if shifted else None)
    told = all_bytes(copy, tmp_path)
    for row in rows:
        for name in ("visit", "patient", "surname", "phone", "insurer", "note"):
            assert row[name] is None or row[name] not in told, name


@QUICK
@given(visits(), st.integers(1, 4))
def test_a_value_that_too_few_entities_hold_never_stays(
    platform: PlatformView, made: tuple[list[dict[str, Any]], list[str]], rare: int
) -> None:
    rows, outcomes = made
    copy = copy_of(platform, rows, outcomes, rare=rare)
    assert copy.events.num_rows + copy.rare_events == len(rows)
    for name in ("ward", "room", "clinic", "phone", "note"):
        holders = defaultdict(set)
        for row in copy.events.to_pylist():
            holders[row[name]].add(row["patient"])
        held = {value: len(own) for value, own in holders.items() if value not in (None, "other")}
        assert all(count >= rare for count in held.values()), (name, held)
    classes = defaultdict(set)
    for row in copy.labels.to_pylist():
        classes[row["label"]].add(row["patient"])
    assert all(len(own) >= rare for own in classes.values())
    assert copy.labels.num_rows + copy.rare_labels == len(rows) and copy.labels_dropped == 0


@QUICK
@given(visits())
def test_equal_entities_have_equal_hashes_labels_meet_their_events_and_what_stays_is_the_very_same(
    platform: PlatformView, made: tuple[list[dict[str, Any]], list[str]]
) -> None:
    rows, outcomes = made
    copy = copy_of(platform, rows, outcomes, rare=1)
    assert (copy.events.num_rows, copy.labels.num_rows) == (len(rows), len(rows))
    hashed = {row["visit"]: KEY.hashed(pa.array([row["visit"]]), "event id")[0].as_py() for row in rows}
    events = {row["visit"]: row for row in copy.events.to_pylist()}
    labels = {row["event_id"]: row for row in copy.labels.to_pylist()}
    people: dict[Any, set[Any]] = defaultdict(set)
    for row, outcome in zip(rows, outcomes, strict=True):
        found = events[hashed[row["visit"]]]
        people[row["patient"]].add(found["patient"])
        assert labels[hashed[row["visit"]]]["label"] == outcome
        assert labels[hashed[row["visit"]]]["patient"] == found["patient"]
        for name in ("ward", "room", "clinic", "weight", "age", "smokes"):
            assert found[name] == row[name], name
        assert int(found["seen_at"].timestamp() * 1_000 + 0.5) == row["seen_at"]
    assert all(len(own) == 1 for own in people.values())
    assert len({own for all_own in people.values() for own in all_own}) == len(people)
    assert people.get(None, {None}) == {None}


@QUICK
@given(visits(), st.integers(1, 400))
def test_an_entitys_times_go_back_together_within_bounds_and_never_ahead(
    platform: PlatformView, made: tuple[list[dict[str, Any]], list[str]], days: int
) -> None:
    rows, outcomes = made
    plain = copy_of(platform, rows, outcomes, rare=1)
    copy = copy_of(platform, rows, outcomes, rare=1, shift=timedelta(days=days))
    before = {row["visit"]: row for row in plain.events.to_pylist()}
    observed = {row["event_id"]: row for row in copy.labels.to_pylist()}
    back = defaultdict(set)
    for row in copy.events.to_pylist():
        moved = before[row["visit"]]["seen_at"] - row["seen_at"]
        assert timedelta(0) <= moved <= timedelta(days=days)
        assert before[row["visit"]]["born"] - row["born"] == moved
        assert observed[row["visit"]]["event_time"] == row["seen_at"]
        assert observed[row["visit"]]["observed_at"] - row["seen_at"] == timedelta(hours=1)
        back[row["patient"] or row["visit"]].add(moved)
    assert all(len(own) == 1 for own in back.values())


def test_rows_that_are_left_out_for_one_field_may_make_a_value_of_another_rare(platform: PlatformView) -> None:
    seen = [("P1", "A", "day"), ("P2", "A", "day"), ("P1", "A", "night"), ("P3", "B", "night")]
    rows = [visit(n, patient, clinic=clinic, turn=turn) for n, (patient, clinic, turn) in enumerate(seen)]
    copy = copy_of(platform, rows, ["well"] * 4)
    assert copy.events.select(["age", "clinic", "turn"]).to_pylist() == [
        {"age": 30, "clinic": "A", "turn": "day"}, {"age": 31, "clinic": "A", "turn": "day"},
    ]  # fmt: skip
    assert (copy.rare_events, copy.labels.num_rows, copy.rare_labels) == (2, 2, 2)


def test_another_key_gives_other_hashes_and_the_same_key_the_same(platform: PlatformView) -> None:
    rows, outcomes = [visit(n, f"P{n % 3}") for n in range(9)], ["well"] * 9

    def people(key: Pseudonyms) -> set[str]:
        return set(copy_of(platform, rows, outcomes, key).events.column("patient").to_pylist())

    assert people(KEY) == people(Pseudonyms(KEY.key))
    assert not people(KEY) & people(Pseudonyms.forgotten())
    assert KEY.key.decode() not in repr(KEY)


def test_the_order_of_rows_does_not_tell_the_order_of_the_table(platform: PlatformView) -> None:
    rows = [visit(n, f"P{n}") for n in range(40)]
    copy = copy_of(platform, rows, ["well"] * 40, shift=timedelta(days=300))
    times = copy.events.column("seen_at").to_pylist()
    assert times == sorted(times)
    assert copy.events.column("age").to_pylist() != [row["age"] for row in rows]


def test_numbers_are_rounded_exactly_and_times_cut_where_that_is_said(platform: PlatformView) -> None:
    weights = [0.25, 0.35, 71.04, -3.15, None, 1e300, 9_007_199_254_740_993.0, 0.1]
    rows = [visit(n, f"P{n}", weight=weight, age=2_147_483_647 - n) for n, weight in enumerate(weights)]
    rounds = {"weight": Fraction("0.1"), "age": Fraction(10)}
    copy = copy_of(platform, rows, ["well"] * 8, rounds=rounds, truncate="day")
    found = sorted((row["age"], row["weight"]) for row in copy.events.to_pylist() if row["weight"] is not None)
    assert {age for age, _ in found} == {2_147_483_640}, "the nearest one is too large for an int"
    assert {weight for _, weight in found} == {0.2, 0.3, 71.0, -3.1, 1e300, 9_007_199_254_740_992.0, 0.1}
    for time in (*copy.events.column("seen_at").to_pylist(), *copy.labels.column("observed_at").to_pylist()):
        assert (time.hour, time.minute, time.second, time.microsecond) == (0, 0, 0, 0)
