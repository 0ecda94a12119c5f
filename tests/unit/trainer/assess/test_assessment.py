"""A model's label time, live: what it asks for, what it waits for, and that no restart changes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.trainer.assess.bench import DELAY, MINUTE, Bench
from tests.unit.trainer.assess.ends import turns_though_it_ends
from tests.unit.trainer.fixtures import SPEC, request
from tidemill.errors import RetryLater
from tidemill_trainer.assess.state import Moved
from tidemill_trainer.runs.store import Outcome


def filled(root: Path, folder: Path, *, rows: int = 1_600, change: int = 800, size: int = 90) -> Bench:
    folder.mkdir(exist_ok=True)
    bench = Bench(root, folder, rows=rows, change=change)
    for first in range(0, rows, size):
        bench.commit(first, min(rows, first + size))
    return bench


def test_a_turned_world_leads_to_an_alarm_a_fit_since_the_change_and_a_takeover(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = filled(root, tmp_path)
    bench.turns()
    causes = [(cause, state) for _, cause, _, _, state in bench.asked()]
    assert causes[:2] == [("first_data", "finished"), ("schedule", "finished")]
    since = [(cut_off, json.loads(change)) for _, cause, cut_off, change, _ in bench.asked() if cause == "quality"]
    ((cut_off, change),) = since
    assert abs(change["event_time"] - 800 * MINUTE) <= 10 * MINUTE
    assert cut_off == pytest.approx(change["event_time"] + (250 + DELAY) * MINUTE, abs=60 * MINUTE)
    ((_, version, over, outcome),) = bench.took_over()
    assert (version > over, outcome) == (True, "released")
    assert bench.serving is not None and bench.serving.champion.version == version
    assert "answers became worse" in caplog.text and "takes over in label time" in caplog.text


def test_alarms_wait_in_sql_with_the_step_that_found_them_until_they_are_on_the_topic(
    root: Path, tmp_path: Path
) -> None:
    bench = filled(root, tmp_path)
    bench.turns(restart=True)
    (row, alarm), *_ = bench.states.untold()
    assert (alarm.model, alarm.kind, alarm.detector, alarm.failure) == ("tide", "quality", "label_time", None)
    assert abs(alarm.started_at - 800 * MINUTE) <= 10 * MINUTE and "answers became worse" in alarm.detail
    assert alarm.statistic > alarm.threshold
    bench.states.mark_told([row])
    assert row not in [known for known, _ in bench.states.untold()]


def test_a_version_that_a_person_releases_and_is_born_bad_is_told_and_taken_back(root: Path, tmp_path: Path) -> None:
    bench = Bench(root, tmp_path, rows=800, change=3_000)
    for first in range(0, 800, 80):
        if first == 400:
            bench.turns()
            assert bench.serving is not None and bench.serving.champion.version == 1
            bench.serving = bench.toy(9, -3.0)
        bench.commit(first, first + 80)
    bench.turns()
    alarms = [event for _, event in bench.states.untold() if event.failure == "born_bad"]
    assert {(alarm.version, alarm.detector) for alarm in alarms} == {(9, "born-bad")}
    assert any("version 9 is worse than version 1" in alarm.detail for alarm in alarms)
    assert bench.serving is not None and bench.serving.champion.version == 1


def test_restarts_before_every_step_change_nothing(root: Path, tmp_path: Path) -> None:
    calm, restarted = filled(root, tmp_path / "calm"), filled(root, tmp_path / "restarted")
    calm.turns()
    restarted.turns(restart=True)
    assert restarted.asked() == calm.asked() and restarted.took_over() == calm.took_over()
    here, there = restarted.states.load("tide"), calm.states.load("tide")
    assert here is not None and there is not None and (here.state, here.taken) == (there.state, there.taken)


def test_ended_in_any_transaction_it_loses_and_doubles_nothing(root: Path, tmp_path: Path) -> None:
    """One transaction in eight, whatever it is about, ends the process before it is committed."""
    calm, ended = filled(root, tmp_path / "calm"), filled(root, tmp_path / "ended")
    calm.turns()
    assert turns_though_it_ends(ended, seed=5) > 20
    assert [one[:4] for one in ended.asked()] == [one[:4] for one in calm.asked()]
    assert [one[:3] for one in ended.took_over()] == [one[:3] for one in calm.took_over()]


def test_nothing_is_read_while_a_fit_is_awaited_and_a_failed_one_is_asked_for_again_with_a_quarter_more(
    root: Path, tmp_path: Path
) -> None:
    bench = filled(root, tmp_path, rows=600, change=600)
    while bench.assessment.turn():
        pass
    before = bench.states.load("tide")
    assert before is not None and before.request_id and bench.waits()
    assert not bench.assessment.turn() and bench.states.load("tide") == before
    claim = bench.store.claim()
    assert claim is not None and claim.cut_off == (300 - 1 + DELAY) * MINUTE and claim.change_point is None
    bench.store.fail(claim, "no such luck")
    while bench.assessment.turn():
        pass
    again = bench.store.claim()
    assert again is not None and again.cut_off == (375 - 1 + DELAY) * MINUTE


def test_a_fit_that_is_due_waits_until_a_run_of_somebody_else_has_ended(root: Path, tmp_path: Path) -> None:
    bench = filled(root, tmp_path, rows=600, change=600)
    bench.admission.admit(request("other", "manual", "f"))
    with pytest.raises(RetryLater, match="waits until the run that is open has ended"):
        while bench.assessment.turn():
            pass
    bench.assessment.recover()
    with pytest.raises(RetryLater):
        bench.assessment.turn()
    claim = bench.store.claim()
    assert claim is not None and claim.request_id == "other"
    bench.store.fail(claim, "done")
    assert bench.assessment.turn()
    assert [cause for _, cause, _, _, _ in bench.asked()] == ["manual", "first_data"]


def test_neither_cooldown_nor_a_rate_stops_what_the_budget_of_label_time_allows(root: Path, tmp_path: Path) -> None:
    calm = SPEC.retrain
    spec = replace(SPEC, retrain=replace(calm, cooldown=timedelta(days=900), at_most=(1, timedelta(days=900))))
    bench = Bench(root, tmp_path, rows=1_600, change=800, spec=spec)
    for first in range(0, 1_600, 200):
        bench.commit(first, first + 200)
    bench.turns()
    assert len(bench.asked()) >= 3 and {state for *_, state in bench.asked()} == {"finished"}


def test_what_a_person_releases_serves_in_label_time_too(root: Path, tmp_path: Path) -> None:
    bench = filled(root, tmp_path, rows=900, change=900)
    bench.turns()
    champion, versions = bench.pool()
    assert champion == 1 and versions[-1] > 1, "a second one waits in the pool, no better than the first"
    bench.release(versions[-1])
    assert bench.assessment.turn()
    assert bench.pool()[0] == versions[-1]


def test_without_quality_among_its_reasons_a_model_gets_its_first_version_and_no_more(
    root: Path, tmp_path: Path
) -> None:
    spec = replace(SPEC, retrain=replace(SPEC.retrain, on=("drift",)))
    bench = Bench(root, tmp_path, rows=1_600, change=800, spec=spec)
    for first in range(0, 1_600, 200):
        bench.commit(first, first + 200)
    bench.turns()
    assert [cause for _, cause, *_ in bench.asked()] == ["first_data"]


def test_a_model_with_versions_is_assessed_from_now_on(root: Path, tmp_path: Path) -> None:
    bench = filled(root, tmp_path, rows=600, change=600)
    bench.serving = bench.toy(4, 3.0)
    bench.turns()
    kept = bench.states.load("tide")
    assert kept is not None and kept.state["labels"] == 0 and kept.state["pool"]["champion"] == 4
    assert bench.asked() == []


def test_of_two_processes_the_one_that_comes_later_reads_again(root: Path, tmp_path: Path) -> None:
    bench = filled(root, tmp_path, rows=600, change=600)
    first = bench.assessment
    first.turn()
    bench.restart()
    while bench.assessment.turn():
        pass
    with pytest.raises(Moved):
        while first.turn():
            pass
    assert not first.turn(), "it awaits the fit that the other one asked for"


def test_a_first_version_is_taken_from_its_fit_before_its_release_is_followed(root: Path, tmp_path: Path) -> None:
    bench = filled(root, tmp_path, rows=400, change=400)
    while bench.assessment.turn():
        pass
    claim = bench.store.claim()
    assert claim is not None
    made = bench.toy(bench.store.version_of(claim), 3.0).champion
    told = {"wealth": None, "labels": 0, "spread": 4.5}
    bench.store.finish(claim, Outcome("gate passed", (), {}, (0, 0), 1, made, "passed", told))
    bench.release(1)
    assert bench.assessment.turn()
    kept = bench.states.load("tide")
    assert kept is not None and (kept.state["spread"], kept.request_id) == (4.5, None)
    assert bench.pool() == (1, [1])
