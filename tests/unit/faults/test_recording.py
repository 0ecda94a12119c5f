"""Which runs of the faults are whole, and so leave nothing of earlier ones in the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness.recording import SUITE, Fault, heard, holds_all, told

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("arguments", [["tests/faults"], ["tests"], ["."], [str(SUITE)], []])
def test_the_suite_or_a_folder_above_it_is_a_whole_run(arguments: list[str]) -> None:
    assert holds_all(arguments, ROOT)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tests/faults/brokers"],
        ["tests/faults", "tests/faults/records"],
        ["tests/faults/records/test_09_poison.py"],
        ["tests/faults/records/test_09_poison.py::test_a_flood_pauses_the_topic_until_a_person_lets_it_go_on"],
    ],
)
def test_a_folder_or_a_file_of_the_suite_is_a_part_of_it(arguments: list[str]) -> None:
    assert not holds_all(arguments, ROOT)


@pytest.mark.parametrize("partly", [True, False])
def test_what_one_of_several_processes_has_recorded_comes_to_the_report_as_it_is(partly: bool) -> None:
    fault = Fault(5, "Answer held", 7, limit="0 lost", variant="v", passed=True, lost=1, duplicated=2, seconds=3.5)
    fault.figures["held"] = {"clean": [1, 2.5], "none": None}
    fault.note("it bites")
    (found,), said = heard(told([fault], partly=partly))
    assert (found.to_dict(), said) == (fault.to_dict(), partly)


def test_of_a_process_that_died_nobody_knows_which_faults_it_left_out() -> None:
    assert heard(None) == ([], True)
