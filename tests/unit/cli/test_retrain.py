"""What `tidemill retrain` says of a run that has ended."""

from __future__ import annotations

from typing import Any

import pytest

from tidemill_cli.commands.models.retrain import conclusion, told


def run(**changes: Any) -> dict[str, Any]:
    facts = {
        "request_id": "q", "run_id": "r", "model": "tide", "state": "finished", "reason": "gate passed: fine",
        "version": 4,
        "gate": [], "metrics": {"roc_auc": 0.81234567}, "cause": "manual", "at": 0,
    }  # fmt: skip
    return facts | changes


def test_a_version_that_was_made_is_named_with_its_metrics() -> None:
    assert conclusion(run()) == ["version 4: roc_auc 0.81235"]


@pytest.mark.parametrize("state", ["finished", "failed", "refused"])
def test_a_run_that_made_nothing_says_so_and_never_version_none(state: str) -> None:
    lines = conclusion(run(state=state, version=None, metrics={}))
    assert lines == ["no version was made"]


def test_rows_that_were_found_are_shown_as_rows() -> None:
    gate = [{"subject": "rows", "statistic": 30.0, "threshold": 50.0, "detail": "too few"}]
    assert conclusion(run(version=None, gate=gate))[0] == "  gate: rows 30 against 50. too few"


def test_json_holds_what_a_script_needs() -> None:
    found = told(run(version=None))
    assert found["version"] is None and found["state"] == "finished" and set(found) == {
        "request_id", "run_id", "model", "state", "reason", "version", "gate", "metrics",
    }  # fmt: skip
