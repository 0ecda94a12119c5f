"""What `tidemill status` says of requests for a new version that came to nothing, or to nothing yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill_learning.admission import PastRun, Policy, Request, decide
from tidemill_operations.feed import News
from tidemill_operations.standing.governor import OTHER, governed, told

HOUR_MS = 3_600_000
MODEL = "flight-delay"


@pytest.fixture(scope="module")
def spec(root: Path) -> ModelSpec:
    return load_models(root / "models", (MODEL,))[MODEL]


def news(role: str, at: int, request: str, **datum: Any) -> News:
    return News(role, 0, at, at, {"request_id": request, "cause": "drift", **datum})


def run(at: int, request: str, state: str, reason: str = "") -> News:
    return news("retrain_runs", at, request, state=state, reason=reason)


def row(facts: dict[str, Any]) -> dict[str, Any]:
    return {"model": MODEL, "governor": facts}


def reasons() -> dict[str, str]:
    """Each rule's own words, as admission says them now."""
    policy = Policy(cooldown_ms=6 * HOUR_MS, at_most=(1, 24 * HOUR_MS))
    asked, again = Request("q", "drift", "f", 10 * HOUR_MS), Request("q", "drift", "other", 10 * HOUR_MS)
    done = PastRun("a", "drift", "f", "finished", 9 * HOUR_MS, 1)
    failed = PastRun("a", "drift", "x", "failed", 10 * HOUR_MS)
    past = {
        "one at a time": (asked, [PastRun("a", "drift", "x", "started", 0)], policy),
        "the same finding again": (asked, [done], policy),
        "first version only once": (Request("q", "first_data", "other", 0), [done], policy),
        "by hand": (
            Request("q", "manual", "other", 0),
            [PastRun("a", "manual", "x", "failed", 0)],
            Policy(0, by_hand=1),
        ),
        "cooldown": (again, [done], policy),
        "at_most": (Request("q", "drift", "other", 16 * HOUR_MS), [done], policy),
        "back-off": (again, [failed], Policy(0)),
    }
    return {rule: decide(*arguments).reason for rule, arguments in past.items()}


def test_every_rule_of_admission_is_known_by_its_own_words(spec: ModelSpec) -> None:
    said = reasons()
    runs = [run(at, rule, "refused", reason) for at, (rule, reason) in enumerate(said.items())]
    found = governed(spec, [], [*runs, run(99, "z", "refused", "another reason")], {}).facts()["refused"]
    assert {one["rule"]: one["reason"] for one in found} == {**said, OTHER: "another reason"}


def test_what_was_refused_is_counted_by_rule_and_told_until_a_run_is_admitted(spec: ModelSpec) -> None:
    cooldown = "cooldown: 0.5 h after the last run, wanted 12.0 h"
    runs = [
        run(1, "a", "finished"),
        run(2_000, "b", "refused", "cooldown: 0.3 h"),
        run(3_000, "c", "refused", cooldown),
    ]
    before = governed(spec, [], runs, {}).facts()
    assert [(one["rule"], one["count"], one["since_last_run"]) for one in before["refused"]] == [("cooldown", 2, True)]
    line = f"{MODEL}: 2 requests for a new version refused (cooldown), 1970-01-01T00:00:03+00:00: {cooldown}"
    assert told(row(before)) == [line]
    after = governed(spec, [], [*runs, run(4_000, "d", "started")], {}).facts()
    assert [one["since_last_run"] for one in after["refused"]] == [False]
    assert told(row(after)) == []


def test_a_request_that_nobody_answers_and_one_that_nobody_begins_wait(spec: ModelSpec) -> None:
    requests = [news("retrain_requests", 1, "a"), news("retrain_requests", 2, "b"), news("retrain_requests", 3, "c")]
    runs = [run(4, "b", "accepted"), run(5, "c", "accepted"), run(6, "c", "started")]
    facts = governed(spec, requests, runs, {}).facts()
    assert [(one["request_id"], one["state"]) for one in facts["waiting"]] == [("a", "asked"), ("b", "accepted")]
    assert [line.rpartition(": ")[2] for line in told(row(facts))] == [
        "no trainer has answered",
        "accepted, and not begun",
    ]


def test_a_fit_that_the_budget_holds_back_is_told_with_the_budget(spec: ModelSpec) -> None:
    facts = governed(spec, [], [], {MODEL: (0, True), "other": (3, False)}).facts()
    fits, rows = spec.retrain.fits
    assert (facts["fits_left"], facts["budget"]) == (0, f"{fits:,} in {rows:,} labelled rows")
    assert told(row(facts)) == [
        f"{MODEL}: a fit is due that the budget does not allow now (retrain.at_most: {facts['budget']})"
    ]
    unknown = governed(spec, [], [], {}).facts()
    assert (unknown["fits_left"], told(row(unknown))) == (None, [])
