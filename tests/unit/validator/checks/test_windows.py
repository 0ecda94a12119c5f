"""Expectations by window: what goes into reports, and what becomes of it when they are read back."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.validator.conftest import AT_MS, MODEL, NOW_MS, Desk
from tests.unit.validator.test_field_rules import desk_with
from tidemill.contracts.model_file import ExpectationSpec
from tidemill_expectations import event_suite
from tidemill_validator.checks.reports import COLUMNS_A_PART, in_parts
from tidemill_validator.checks.window_watch import WindowWatch

HOUR_MS = 3_600_000
HOUR = timedelta(hours=1)
START = AT_MS // HOUR_MS * HOUR_MS


def by_window(name: str, severity: Any = "warning", mostly: float | None = None, **kwargs: Any) -> ExpectationSpec:
    return ExpectationSpec(name, kwargs, severity, over=HOUR, mostly=mostly)


MEAN = by_window("expect_column_mean_to_be_between", column="distance", min_value=100)
ROWS = by_window("expect_table_row_count_to_be_between", "critical", min_value=3)
NOT_NULL = by_window("expect_column_values_to_not_be_null", mostly=0.5, column="wind_gust")


@pytest.fixture
def windowed(desk: Desk, root: Any) -> Desk:
    return desk_with(desk, root, expectations=(MEAN, ROWS, NOT_NULL))


def data(desk: Desk, values: list[bytes], **columns: Any) -> list[dict[str, Any]]:
    output = desk.events.validate(desk.batch(values, **columns))[-1]
    return [desk.codec.decode_one(value, desk.schemas.platform("quality-report")) for value in output.values]


def watch(desk: Desk) -> WindowWatch:
    suite = event_suite(dataclasses.replace(_spec(desk), expectations=(MEAN, ROWS, NOT_NULL)))
    return WindowWatch(MODEL, desk.events.stream.topic, suite.windows)


def _spec(desk: Desk) -> Any:
    from pathlib import Path

    from tidemill.contracts.model_file import load_models

    return load_models(Path(__file__).parents[4] / "models", (MODEL,))[MODEL]


def test_clean_rows_are_summed_up_by_window_and_partition(windowed: Desk) -> None:
    values = [
        windowed.event("a", distance=10.0),
        windowed.event("b", distance=30.0, scheduled_at=START + HOUR_MS),
        windowed.event("c", distance=20.0),
        windowed.event(""),
    ]
    zero, one = data(windowed, values, partitions=[0, 0, 1, 1])
    assert [(w["started_at"], w["rows"]) for w in zero["windows"]] == [(START, 1), (START + HOUR_MS, 1)]
    assert [(w["rows"], w["columns"][0]["total"]) for w in one["windows"]] == [(1, 20.0)]
    assert zero["windows"][0]["mostly"][0]["failed"] == 1
    assert (zero["newest_event"], one["newest_event"]) == (START + HOUR_MS, AT_MS)


def test_no_rule_by_window_sets_a_record_aside(windowed: Desk) -> None:
    assert windowed.ids(windowed.events.validate(windowed.batch([windowed.event("a", distance=-5.0)]))) == ["a"]


def test_a_window_is_judged_over_all_partitions_once_and_when_it_is_complete(windowed: Desk) -> None:
    follower = watch(windowed)
    first = [windowed.event(f"{k}", distance=50.0, wind_gust=1.0) for k in range(4)]
    assert follower.add(data(windowed, first, partitions=[0, 1, 2, 3])) == []
    later = [windowed.event("z", scheduled_at=START + 2 * HOUR_MS)]
    (alarm,) = follower.add(data(windowed, later, offset=9, timestamps_ms=[NOW_MS + 5]))
    assert alarm.text == "expect_column_mean_to_be_between (distance, min_value=100) does not hold: 50"
    assert (alarm.model, alarm.at_ms, alarm.judged.start_ms) == (MODEL, NOW_MS + 5, START)
    assert follower.holds["expect_column_mean_to_be_between", "distance", "min_value=100"] is False
    assert follower.holds["expect_table_row_count_to_be_between", "", "min_value=3"] is True
    assert follower.add([]) == []


def test_another_models_reports_and_those_of_labels_are_not_looked_at(windowed: Desk) -> None:
    follower = watch(windowed)
    reports = data(windowed, [windowed.event("a"), windowed.event("b", scheduled_at=START + 2 * HOUR_MS)])
    assert follower.add([{**r, "model": "other"} for r in reports]) == []
    assert follower.add([{**r, "topic": "labels"} for r in reports]) == []
    assert {alarm.judged.severity for alarm in follower.add(reports)} == {"critical", "warning"}


def test_a_report_of_many_windows_is_told_in_parts_that_add_up(windowed: Desk) -> None:
    values = [windowed.event(f"{k}", scheduled_at=START + k * HOUR_MS) for k in range(COLUMNS_A_PART)]
    parts = data(windowed, values)
    assert len(parts) == 2
    assert [part["rows"] for part in parts] == [COLUMNS_A_PART, 0]
    assert parts[1]["report_id"] == f"{parts[0]['report_id']}/1"
    assert sum(len(part["windows"]) for part in parts) == COLUMNS_A_PART


def test_a_report_without_windows_is_one_part(windowed: Desk) -> None:
    (report,) = windowed.reports(windowed.events.validate(windowed.batch([b"?"])))
    assert [part["windows"] for part in in_parts(report, [])] == [[]]
    assert report.newest_event is None


def test_reports_name_the_rule_and_say_where_examples_are_without_their_values(desk: Desk) -> None:
    values = [desk.event(f"{k}", origin="XXX") for k in range(5)]
    (report,) = desk.reports(desk.events.validate(desk.batch(values, offset=40)))
    (result,) = report.expectations
    assert (result.failed, result.severity, result.examples) == (5, "critical", (40, 41, 42))
    assert result.arguments == "value_set=[EWR, JFK, LGA]"


def test_one_rule_that_holds_does_not_hide_another_of_the_same_name_that_does_not(windowed: Desk) -> None:
    low, high = (by_window("expect_column_mean_to_be_between", column="distance", min_value=n) for n in (100, 1))
    suite = event_suite(dataclasses.replace(_spec(windowed), expectations=(low, high)))
    follower = WindowWatch(MODEL, windowed.events.stream.topic, suite.windows)
    follower.add(data(windowed, [windowed.event("a", distance=50.0)]))
    follower.add(data(windowed, [windowed.event("z", scheduled_at=START + 2 * HOUR_MS)], offset=9))
    assert sorted(follower.holds.values()) == [False, True]
    assert follower.broken() == {("expect_column_mean_to_be_between", "distance"): True}
