"""Whatever a record names is referred to, with who refers to it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tidemill_operations.references.uses import Recorded, Use, Why, references

M = "tide"


def ref(version: int, model: str = M) -> dict[str, Any]:
    learned = {"table_uri": f"file:///t/{model}", "table_version": 10 * version, "offsets": []}
    return {
        "version": version, "artifact_uri": f"file:///a/{model}/{version}-r{version}",
        "manifest_digest": f"d{version}", "data_set": learned,
    }  # fmt: skip


def published(epoch: int, champion: int, challenger: int | None = None) -> dict[str, Any]:
    return {
        "model": M, "epoch": epoch, "champion": ref(champion),
        "challenger": None if challenger is None else ref(challenger),
    }  # fmt: skip


def run(number: int, state: str = "finished", **over: Any) -> dict[str, Any]:
    artifact = ref(number) if state == "finished" else None
    return {"run_id": f"r{number}", "model": M, "state": state, "artifact": artifact, "evidence": [], **over}


def why(recorded: Recorded, version: int) -> set[Why]:
    found = references(recorded).of(M, version)
    return set() if found is None else {use.why for use in found.uses}


def test_what_serves_what_is_on_trial_and_what_was_released_is_told_apart() -> None:
    recorded = Recorded(
        versions=[published(3, 2, 3)], releases=[{"published": published(1, 1)}, {"published": published(3, 2, 3)}]
    )
    assert why(recorded, 1) == {Why.RELEASED}
    assert why(recorded, 2) == {Why.SERVES, Why.RELEASED}
    assert why(recorded, 3) == {Why.ON_TRIAL, Why.RELEASED}
    assert references(recorded).artifacts["file:///a/tide/2-r2"].digest == "d2"


def test_a_version_that_was_never_released_is_referred_to_by_its_run() -> None:
    recorded = Recorded(runs=[run(4), run(5, "failed")])
    assert why(recorded, 4) == {Why.MADE}
    assert why(recorded, 5) == set()


def test_label_time_and_a_mixture_name_versions_by_their_numbers() -> None:
    members = [{"version": 1, "mixture": []}, {"version": 3, "mixture": [[1, 0.5], [2, 0.5]]}]
    place = {"model": M, "table_version": 31, "state": {"pool": {"champion": 3, "members": members}}}
    mixed = run(4, mixture=[{"version": 2, "weight": 1.0}])
    recorded = Recorded(runs=[run(1), run(2), run(3), mixed], label_time=[place], tables={M: "file:///t/tide"})
    assert why(recorded, 1) == {Why.MADE, Why.POOLED}
    assert why(recorded, 2) == {Why.MADE, Why.POOLED, Why.MEMBER}
    assert references(recorded).tables["file:///t/tide"].versions[31] == {Use(Why.LABEL_TIME, M)}


def test_a_version_that_is_to_take_over_is_referred_to_until_it_is_settled() -> None:
    takeover = {"model": M, "version": 2, "over": 1, "outcome": None}
    assert why(Recorded(runs=[run(2)], takeovers=[takeover]), 2) == {Why.MADE, Why.AWAITED}
    assert why(Recorded(runs=[run(2)], takeovers=[{**takeover, "outcome": "released"}]), 2) == {Why.MADE}


def test_an_import_refers_to_what_is_staged_as_long_as_it_is_open() -> None:
    evidence = [{"detector": "import", "kind": "import", "subject": "file:///a/tide/import-1", "detail": "d"}]
    open_, done = run(7, "accepted", evidence=evidence), run(7, "failed", evidence=evidence)
    assert references(Recorded(runs=[open_])).artifacts["file:///a/tide/import-1"].version == 0
    assert not references(Recorded(runs=[done])).artifacts


def test_each_version_refers_to_the_version_of_the_table_that_it_learned_from() -> None:
    found = references(Recorded(runs=[run(1), run(2)])).tables["file:///t/tide"].versions
    assert found == {10: {Use(Why.LEARNED, "tide version 1")}, 20: {Use(Why.LEARNED, "tide version 2")}}


@given(
    st.lists(st.tuples(st.integers(1, 9), st.none() | st.integers(1, 9)), max_size=8),
    st.lists(st.integers(1, 9), max_size=8),
)
def test_nothing_that_any_record_names_is_left_out(released: list[tuple[int, int | None]], made: list[int]) -> None:
    events = [published(epoch, *arms) for epoch, arms in enumerate(released, 1)]
    recorded = Recorded(
        versions=events[-1:], releases=[{"published": event} for event in events], runs=[run(n) for n in made]
    )
    found = references(recorded)
    named = {arm for arms in released for arm in arms if arm is not None} | set(made)
    assert {artifact.version for artifact in found.artifacts.values()} == named
    assert all(artifact.uses for artifact in found.artifacts.values())
    assert set(found.tables["file:///t/tide"].versions if named else ()) == {10 * number for number in named}
