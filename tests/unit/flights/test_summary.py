"""The verdict: the loop is closed only when everything holds, and a failure says what did not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tidemill_flights.feed.rest_clients import RestState
from tidemill_flights.live import LiveState
from tidemill_flights.proof.audit import Audit
from tidemill_flights.proof.readback import KnownLabels, Predictions
from tidemill_flights.proof.summary import judge, judge_control, published_versions, swaps, version_rows
from tidemill_operations.audit.ledger import Tally
from tidemill_operations.feed import News

EXACT = Tally()


def news(role: str, at_ms: int, **datum: Any) -> News:
    return News(role, 0, at_ms, at_ms, datum)


def serving(epoch: int, version: int, at_ms: int) -> News:
    return news("model_versions", at_ms, model="m", epoch=epoch, champion={"version": version}, start_offsets=[0])


def run(version: int, cause: str, request: str, state: str = "finished") -> News:
    gate = [{"kind": "gate"}]
    run_id = f"r{version}"
    return news(
        "retrain_runs", 0, run_id=run_id, request_id=request, model="m", cause=cause, state=state, reason="",
        version=version, gate=gate, metrics={"roc_auc": 0.6 + version / 100},
    )  # fmt: skip


def request(request_id: str, cause: str, *kinds: str) -> News:
    return news("retrain_requests", 0, request_id=request_id, cause=cause, evidence=[{"kind": k} for k in kinds])


def drift(kind: str) -> News:
    return news("drift_events", 0, event_id=kind, kind=kind)


def closed_loop() -> LiveState:
    live = LiveState()
    live.news = [
        request("q1", "first_data"), run(1, "first_data", "q1"), serving(1, 1, 1_000),
        drift("feature"), drift("quality"), request("q2", "quality", "feature", "quality"),
        run(2, "quality", "q2"), serving(2, 2, 5_000),
    ]  # fmt: skip
    return live


def audit(tally: Tally = EXACT) -> Audit:
    made = Predictions(
        stream=np.array([True, True, False, True]),
        partition=np.array([0, 0, -1, 0]),
        offset=np.array([1, 2, -1, 3]),
        version=np.array([1, 2, 2, 2]),
        epoch=np.array([1, 2, 2, 2]),
        predicted_at=np.array([1_100, 5_200, 5_350, 5_300]),
    )
    empty = KnownLabels(pa.chunked_array([], pa.string()), np.array([], dtype=bool))
    return Audit(4, 3, 1, {}, Counter(), made, empty, {"raw offsets": tally})


def asked(errors: int = 0) -> RestState:
    return RestState(requests=2_500, errors=errors, first_error="503: not ready" if errors else "")


def test_the_loop_is_closed_when_everything_holds() -> None:
    verdict = judge(closed_loop(), audit(), asked(), 100.0, killed=False)
    assert verdict.closed, verdict.failures


def test_one_missing_record_opens_the_loop_and_is_named() -> None:
    verdict = judge(closed_loop(), audit(Tally(missing=1)), asked(), 100.0, killed=False)
    assert [(c.text, c.found) for c in verdict.failures] == [("raw offsets: exactly once", "1 missing, 0 duplicated")]


def test_a_failed_rest_request_opens_the_loop_unless_processes_were_killed() -> None:
    verdict = judge(closed_loop(), audit(), asked(errors=1), 100.0, killed=False)
    assert [c.found for c in verdict.failures] == ["1 errors: 503: not ready"]
    assert judge(closed_loop(), audit(), asked(errors=1), 100.0, killed=True).closed


def test_too_few_requests_a_second_open_the_loop() -> None:
    assert not judge(closed_loop(), audit(), asked(), 126.0, killed=False).closed


def test_a_version_that_answers_feature_drift_alone_is_not_enough() -> None:
    live = closed_loop()
    live.news[5] = request("q2", "drift", "feature")
    live.news[6] = run(2, "drift", "q2")
    failures = judge(live, audit(), asked(), 100.0, killed=False).failures
    assert [c.text for c in failures] == ["a later version answers the drift"]


def test_a_version_by_hand_does_not_close_the_loop() -> None:
    live = closed_loop()
    live.news[6] = run(2, "manual", "q2")
    assert not judge(live, audit(), asked(), 100.0, killed=False).closed


def test_without_any_version_every_reason_is_said() -> None:
    failures = judge(LiveState(), audit(), asked(), 100.0, killed=False).failures
    assert [c.found for c in failures] == [
        "no version was released",
        "0 drift events, 0 of them of quality or predictions",
        "no later version was released",
    ]


def test_the_control_holds_when_nothing_is_retrained_for_drift_and_not_otherwise() -> None:
    live = LiveState()
    live.news = closed_loop().news[:3]
    assert judge_control(live, audit(), asked(), 100.0).closed
    assert not judge_control(closed_loop(), audit(), asked(), 100.0).closed
    mixed = closed_loop()
    mixed.news[6].datum["mixture"] = [{"version": 1, "weight": 1.0}]
    assert judge_control(mixed, audit(), asked(), 100.0).closed, "versions put together are no retraining"


def test_a_swap_ends_when_stream_and_rest_have_both_answered() -> None:
    assert swaps(closed_loop(), audit()) == [{"from": 1, "to": 2, "ms": 350}]


def test_epochs_that_keep_the_version_are_no_swaps() -> None:
    live = closed_loop()
    live.news.append(serving(3, 2, 6_000))
    assert [item.epoch for item in published_versions(live)] == [1, 2]


def test_each_version_has_its_score_and_cause() -> None:
    assert version_rows(closed_loop(), "roc_auc") == [
        {"version": 1, "score": 0.61, "cause": "first_data", "since_change": False},
        {"version": 2, "score": 0.62, "cause": "quality", "since_change": False},
    ]


@pytest.mark.parametrize(("cause", "closes"), [("schedule", True), ("quality", True), ("manual", False)])
def test_a_later_fit_of_the_loop_on_what_came_since_a_change_answers_it(cause: str, closes: bool) -> None:
    live = closed_loop()
    live.news[6] = run(2, cause, "nobody's")
    live.news[6].datum["change_point"] = {"event_time": 5}
    assert version_rows(live, "roc_auc")[1]["since_change"] is closes
    failed = [condition.text for condition in judge(live, audit(), asked(), 100.0, killed=False).failures]
    assert failed == ([] if closes else ["a later version answers the drift"])
