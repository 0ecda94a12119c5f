"""Whatever has been recorded: nothing that anything needs is ever in the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.references.test_uses import M, published, run
from tidemill_operations.lifecycle.policy import DAY_MS, HELD, Rules, Served, Stored, Whose, removals, served
from tidemill_operations.references.uses import Recorded, References, Why, references

NOW = 1_000 * DAY_MS
NOTHING = Served(last={}, until_ms={})


def stored(version: int, age_days: float = 500, whose: Whose = Whose.OURS) -> Stored:
    uri = f"file:///a/{M}/{version}-r{version}"
    return Stored(model=M, uri=uri, newest_ms=int(NOW - age_days * DAY_MS), size=1, whose=whose)


def planned(found: References, *lying: Stored, rules: Rules | None = None, history: Served = NOTHING) -> set[str]:
    plan = removals(lying, found, history, rules or Rules(), NOW)
    assert all(one.why for one in plan)
    return {one.stored.uri for one in plan}


def test_what_no_record_names_goes_when_it_is_old_and_surely_not_another_platforms() -> None:
    none = references(Recorded())
    old, young, other = stored(1, 8), stored(2, 6), stored(3, 500, Whose.UNKNOWN)
    half = stored(4, 8, Whose.NOBODYS)
    assert planned(none, old, young, other, half) == {old.uri, half.uri}


def test_a_version_that_nobody_released_goes_after_a_month_and_one_that_served_never_unless_it_is_asked_for() -> None:
    releases = [(day * DAY_MS, {"published": published(day, day)}) for day in range(1, 9)]
    found = references(Recorded(releases=[one for _, one in releases], runs=[run(n) for n in range(1, 11)]))
    history = served(releases)
    lying = [stored(n) for n in range(1, 10)] + [stored(10, 29)]
    assert planned(found, *lying, history=history) == {stored(9).uri}
    asked = Rules(superseded=100 * DAY_MS)
    gone = planned(found, *lying, rules=asked, history=history)
    assert gone == {stored(n).uri for n in (1, 2, 3, 9)}, "the five that were released last stay for a rollback"
    assert planned(found, *lying, rules=Rules(superseded=998 * DAY_MS), history=history) == {stored(9).uri}


def test_the_history_tells_who_was_released_last_and_since_when_a_version_serves_no_more() -> None:
    told = served([(1, {"published": published(1, 1)}), (2, {"published": published(2, 1, 2)}),
                   (3, {"published": published(3, 2)}), (4, {"published": published(4, 1)})])  # fmt: skip
    assert list(told.last[M]) == [1, 2] and told.until_ms == {(M, 2): 4}, "1 was rolled back to, and serves"


VERSIONS = st.integers(1, 6)
EPOCHS = st.lists(st.tuples(VERSIONS, st.none() | VERSIONS), max_size=8)
POOLS = st.fixed_dictionaries(
    {"champion": VERSIONS, "members": st.lists(st.fixed_dictionaries({"version": VERSIONS}), max_size=2)}
)


@given(
    EPOCHS, st.lists(VERSIONS, max_size=4), st.none() | POOLS, st.lists(st.tuples(VERSIONS, VERSIONS), max_size=3),
    st.integers(0, 400), st.integers(1, 6), st.floats(0, 900),
)  # fmt: skip
def test_of_any_registry_nothing_that_is_needed_is_in_the_plan(
    epochs: list[tuple[int, int | None]], takeovers: list[int], pool: Mapping[str, Any] | None,
    mixtures: list[tuple[int, int]], superseded_days: int, rollback: int, age: float,
) -> None:  # fmt: skip
    releases = [(n * DAY_MS, {"published": published(n, *arms)}) for n, arms in enumerate(epochs, 1)]
    found = references(
        Recorded(
            versions=[releases[-1][1]["published"]] if releases else [],
            releases=[one for _, one in releases],
            runs=[run(n) for n in range(1, 7)]
            + [
                run(6 + k, mixture=[{"version": one}, {"version": other}]) for k, (one, other) in enumerate(mixtures, 1)
            ],
            takeovers=[{"model": M, "version": one, "over": 1, "outcome": None} for one in takeovers],
            label_time=[{"model": M, "table_version": 3, "state": {"pool": pool}}] if pool else [],
        )
    )
    history = served(releases)
    rules = Rules(superseded=superseded_days * DAY_MS, rollback=rollback)
    gone = planned(found, *(stored(n, age) for n in range(1, 12)), rules=rules, history=history)
    for use in found.artifacts.values():
        why = {one.why for one in use.uses}
        if why & HELD or use.version in list(history.last.get(M, ()))[:rollback]:
            assert use.uri not in gone
        if Why.RELEASED in why and use.uri in gone:
            assert NOW - history.until_ms[M, use.version] >= superseded_days * DAY_MS and age >= superseded_days - 1e-6
    assert not gone or age >= 7
