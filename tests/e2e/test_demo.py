"""The loop turns: the demo as it is, the demo with kills, and the control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import run_demo

pytestmark = pytest.mark.long

KEYS = {
    "closed", "pushed", "clean", "dead", "predictions", "missing", "duplicated", "versions", "drift_events",
    "retrain_runs", "swaps", "rest", "score", "seconds", "peak_rss_mb", "broker",
}  # fmt: skip
PROCESSES = {"ingest", "validator", "serve", "stream", "trainer", "profile", "detect"}
EVENTS = 336_776
LONGEST_S = 240
START_AND_END_S = 100


def check_exact(summary: dict[str, Any]) -> None:
    """What holds for every run, killed or not."""
    assert summary["missing"] == 0, summary["checks"]
    assert summary["duplicated"] == 0, summary["checks"]
    assert summary["pushed"] == summary["clean"] + summary["dead"]
    assert summary["labels"]["pushed"] == summary["labels"]["clean"] + summary["labels"]["dead"]
    assert summary["peak_rss_mb"] <= 3_000, summary["memory_mb"]
    assert summary["broker"]["name"] == "Apache Kafka"
    assert summary["broker"]["version"]


@pytest.mark.timeout(LONGEST_S + START_AND_END_S + 60)
def test_the_loop_closes_on_a_year_of_real_flights(root: Path, tmp_path: Path) -> None:
    run = run_demo(root, tmp_path, timeout_s=LONGEST_S + START_AND_END_S)
    summary = run.summary
    assert run.code == 0, run.tail()
    assert summary.keys() >= KEYS
    assert summary["closed"] is True
    assert summary["seconds"] <= LONGEST_S
    assert summary["pushed"] > EVENTS
    check_exact(summary)
    check_story(summary)


def check_story(summary: dict[str, Any]) -> None:
    """First version, drift, a later version for it, swapped in under traffic that saw no error."""
    first, *later = summary["versions"]
    assert first["version"] == 1
    assert first["cause"] == "first_data"
    causes = ("drift", "prediction", "quality")
    assert any(version["cause"] in causes or version["since_change"] for version in later)
    assert summary["drift_events"] >= 1
    assert summary["retrain_runs"] >= 2
    assert len(summary["swaps"]) == len(later)
    assert all(swap["ms"] is not None and swap["ms"] >= 0 for swap in summary["swaps"])
    rest = summary["rest"]
    assert rest["errors"] == 0
    assert rest["requests"] >= 20 * 30
    assert rest["p50_ms"] <= rest["p99_ms"]
    assert set(summary["dead_reasons"]) >= {
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_between",
    }
    score = summary["score"]
    assert score["metric"] == "roc_auc"
    assert score["rows"] >= 5_000
    assert 0.5 < score["after"] < 1


@pytest.mark.timeout(2 * LONGEST_S + START_AND_END_S)
def test_nothing_is_lost_or_doubled_when_every_process_is_killed_once(root: Path, tmp_path: Path) -> None:
    run = run_demo(root, tmp_path, "--kill", timeout_s=2 * LONGEST_S)
    assert run.code == 0, run.tail()
    check_exact(run.summary)
    kills = run.summary["kills"]
    assert {kill["process"] for kill in kills} == PROCESSES
    for kill in kills:
        assert kill["bitten"], kill
        assert kill["work"], kill
        assert kill["pid_after"] not in (None, kill["pid_before"]), kill


@pytest.mark.timeout(LONGEST_S + START_AND_END_S + 60)
def test_nothing_is_retrained_for_drift_where_there_is_none(root: Path, tmp_path: Path) -> None:
    run = run_demo(root, tmp_path, "--permute", "1", "--fraction", "0.7", timeout_s=LONGEST_S + START_AND_END_S)
    assert run.code == 0, run.tail()
    check_exact(run.summary)
    causes = [version["cause"] for version in run.summary["versions"]]
    assert causes[0] == "first_data"
    assert set(causes) <= {"first_data", "schedule"}, "a version that has learned more of the same rows may take over"
