"""The report of the faults: what ran again takes the place of what stood there, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.harness import recording
from tests.faults.harness.recording import Fault
from tests.faults.harness.report import updated


def part(number: int, variant: str = "", *, passed: bool = True, held: int = 1) -> Fault:
    return Fault(
        number, f"Fault no {number}", 7, limit="0 lost", variant=variant, passed=passed, figures={"held": held},
        history=["0.1 s: began"],
    )  # fmt: skip


def test_a_single_fault_replaces_its_own_row_and_section_and_leaves_the_others_as_they_were() -> None:
    first = updated("", [fault.to_dict() for fault in (part(1), part(2, "stream"), part(10))], "Kafka 4")
    second = updated(first, [part(2, "stream", passed=False, held=5).to_dict()], "Kafka 5")

    assert second.count("| 2 | Fault no 2 (stream) | 0 lost | **does not hold** |") == 1
    assert "- held: 5" in second and "on Kafka 5" in second
    for line in first.splitlines():
        assert line in second or "Kafka 4" in line or "| 2 |" in line
    assert [line for line in second.splitlines() if line.startswith("## ")] == [
        "## 1. Fault no 1",
        "## 2. Fault no 2 (stream)",
        "## 10. Fault no 10",
    ]
    assert updated(second, [], "Kafka 5") == second


def test_the_json_keeps_what_did_not_run_unless_all_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "mode", lambda: recording.SHORT)
    report = tmp_path / "var" / "faults" / "report.json"
    recording.write(tmp_path, [part(1), part(2, "a"), part(2, "b")], "4", whole=False)
    recording.write(tmp_path, [part(2, "a", passed=False)], "4", whole=False)
    rows = {row["id"]: row for row in json.loads(report.read_text())}
    assert {number: row["passed"] for number, row in rows.items()} == {1: True, 2: False}
    assert set(rows[2]) >= {"id", "name", "passed", "lost", "duplicated", "seconds", "seed", "figures"}
    recording.write(tmp_path, [part(1)], "4", whole=True)
    assert [row["id"] for row in json.loads(report.read_text())] == [1]
