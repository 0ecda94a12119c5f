"""Rules by window: what they say, and that it makes no difference in which parts the rows come."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.contracts.model_file.vocabulary import IGNORE_LIST, IGNORE_PAIR
from tidemill_expectations import ExpectationError, Mostly, Windowed, build
from tidemill_expectations.base import is_missing
from tidemill_expectations.windows.accumulate import WindowChecks
from tidemill_expectations.windows.merged import Judged, MergedWindows
from tidemill_expectations.windows.rules import Verdict
from tidemill_expectations.windows.summary import KEPT_HASHES, ColumnSummary, Summary, hash_of

HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000


def rule(name: str, **arguments: Any) -> Windowed | Mostly:
    extra = {key: arguments.pop(key) for key in ("mostly", "severity") if key in arguments}
    built = build(name, arguments, over=HOUR, **extra)
    assert isinstance(built, Windowed | Mostly)
    return built


RULES = [
    rule("expect_column_mean_to_be_between", column="x", min_value=1, max_value=3),
    rule("expect_column_sum_to_be_between", column="x", min_value=0),
    rule("expect_column_min_to_be_between", column="x", min_value=0),
    rule("expect_column_max_to_be_between", column="x", max_value=9, strict_max=True),
    rule("expect_column_median_to_be_between", column="x", min_value=1, max_value=3),
    rule("expect_column_quantile_values_to_be_between", column="x",
         quantile_ranges={"quantiles": [0.1, 0.9], "value_ranges": [[0, None], [None, 5]]}),
    rule("expect_column_proportion_of_non_null_values_to_be_between", column="x", min_value=0.5),
    rule("expect_column_unique_value_count_to_be_between", column="name", max_value=3),
    rule("expect_column_proportion_of_unique_values_to_be_between", column="name", min_value=0.1),
    rule("expect_table_row_count_to_be_between", min_value=2),
    rule("expect_table_row_count_to_equal", value=3),
    rule("expect_table_columns_to_match_set", column_set=["at", "x"], exact_match=False),
    rule("expect_column_values_to_be_between", column="x", min_value=0, mostly=0.5),
    rule("expect_column_values_to_not_be_null", column="name", mostly=0.5),
]  # fmt: skip
SCHEMA = pa.schema({"at": pa.int64(), "x": pa.float64(), "name": pa.string()})


def frame(rows: list[tuple[int, float | None, str | None]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def report(part: pa.RecordBatch, checks: WindowChecks) -> dict[str, Any]:
    windows = [summary.to_datum(over, start) for over, start, summary in checks.summaries(part)]
    return {"newest_event": max(part["at"].to_pylist(), default=None), "windows": windows}


def verdicts(parts: list[pa.RecordBatch]) -> list[Judged]:
    checks, merged = WindowChecks(RULES, SCHEMA, "at"), MergedWindows()
    for part in parts:
        merged.add(report(part, checks))
    return list(merged.verdicts(RULES))


rows = st.lists(
    st.tuples(
        st.integers(0, 4 * HOUR_MS),
        st.none() | st.integers(-(10**6), 10**6).map(float) | st.just(math.nan),
        st.none() | st.sampled_from("abcdef"),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(rows=rows, cuts=st.lists(st.integers(0, 40), max_size=3), rng=st.randoms(use_true_random=False))
def test_batches_and_partitions_make_no_difference(rows: list[Any], cuts: list[int], rng: Any) -> None:
    shuffled = rows.copy()
    rng.shuffle(shuffled)
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    parts = [frame(shuffled[a:b]) for a, b in pairwise(edges)]
    whole, merged = verdicts([frame(rows)]), verdicts(parts)
    assert [(j.rule, j.start_ms, j.verdict.holds, j.final) for j in merged] == [
        (j.rule, j.start_ms, j.verdict.holds, j.final) for j in whole
    ]


def by_name(judged: list[Judged]) -> dict[str, tuple[bool | None, str]]:
    return {j.rule.name: (j.verdict.holds, j.verdict.observed) for j in judged if j.start_ms == 0}


def test_each_rule_says_what_it_saw() -> None:
    some = [(0, 1.0, "a"), (1, 2.0, "a"), (2, -3.0, "b"), (3, None, None)]
    found = by_name(verdicts([frame(some), frame([(2 * HOUR_MS, 1.0, "z")])]))
    assert found["expect_column_mean_to_be_between"] == (False, "0")
    assert found["expect_column_sum_to_be_between"] == (True, "0")
    assert found["expect_column_min_to_be_between"] == (False, "-3")
    assert found["expect_column_max_to_be_between"] == (True, "2")
    assert found["expect_column_proportion_of_non_null_values_to_be_between"] == (True, "0.75")
    assert found["expect_column_unique_value_count_to_be_between"] == (True, "2")
    assert found["expect_table_row_count_to_be_between"] == (True, "4 rows")
    assert found["expect_table_row_count_to_equal"] == (False, "4 rows")
    assert found["expect_table_columns_to_match_set"] == (True, "3 columns")
    assert found["expect_column_values_to_be_between"] == (True, "66.67% of 3")
    assert found["expect_column_values_to_not_be_null"] == (True, "75.00% of 4")
    assert found["expect_column_quantile_values_to_be_between"][0] is False


def test_a_window_is_final_once_event_time_has_moved_on_by_another() -> None:
    early = verdicts([frame([(0, 1.0, "a"), (2 * HOUR_MS - 1, 1.0, "a")])])
    late = verdicts([frame([(0, 1.0, "a"), (2 * HOUR_MS, 1.0, "a")])])
    assert not any(j.final for j in early)
    assert {j.start_ms for j in late if j.final} == {0}


def test_a_column_without_values_is_not_judged() -> None:
    found = by_name(verdicts([frame([(0, None, None)])]))
    assert found["expect_column_mean_to_be_between"] == (None, "no values")
    assert found["expect_column_proportion_of_non_null_values_to_be_between"] == (False, "0")


def test_missing_columns_and_columns_besides_are_named() -> None:
    exact = rule("expect_table_columns_to_match_set", column_set=["at", "name"])
    summary = Summary(rows=1, filled={"at", "x"})
    assert exact.judge(summary).observed == "without name and x besides"


def test_freshness_is_the_age_of_the_newest_event() -> None:
    fresh = build("expect_table_freshness_to_be_within", {"max_age": HOUR})
    assert isinstance(fresh, Windowed)
    merged = MergedWindows()
    assert [j.verdict.holds for j in merged.freshness([fresh], 0)] == [None]
    merged.add({"newest_event": 1_000, "windows": []})
    assert [j.verdict.holds for j in merged.freshness([fresh], 1_000 + HOUR_MS)] == [True]
    (late,) = merged.freshness([fresh], 1_001 + HOUR_MS)
    assert (late.verdict.holds, late.rule.arguments) == (False, "max_age=1 h")


def test_different_values_are_counted_exactly_and_then_nearly() -> None:
    few, many = ColumnSummary(), ColumnSummary()
    few.add(pa.array(range(KEPT_HASHES - 1)), sketch=False, distinct=True)
    many.add(pa.array(range(50_000)), sketch=False, distinct=True)
    assert few.distinct == KEPT_HASHES - 1
    assert many.distinct == pytest.approx(50_000, rel=0.2)
    assert ColumnSummary.from_datum(many.to_datum("x")).distinct == many.distinct


def summed(column: pa.Array) -> ColumnSummary:
    summary = ColumnSummary()
    summary.add(column, sketch=False, distinct=True)
    return summary


def test_zero_of_either_sign_is_one_value_in_whatever_parts_it_comes() -> None:
    merged = summed(pa.array([0.0]))
    merged.merge(summed(pa.array([-0.0])))
    assert merged.distinct == summed(pa.array([-0.0, 0.0])).distinct == 1


def test_times_that_no_datetime_can_be_are_counted_too() -> None:
    times = pa.array([-(2**62), 0, 2**62, 2**62, None], pa.timestamp("ms", "UTC"))
    assert summed(times).distinct == 3
    assert summed(times.slice(1, 1)).hashes == {hash_of(datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")))}


def test_decimals_are_summed_as_the_doubles_nearest_to_them() -> None:
    column = pa.array([Decimal("9303.05"), Decimal("0.10"), None], pa.decimal128(9, 2))
    found = summed(column)
    assert (found.low, found.high, found.total) == (0.1, 9303.05, 9303.05 + 0.1)


@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.map_(pa.string(), pa.int32()), pa.struct({"a": pa.int32()})])
def test_values_with_parts_are_counted_as_others_are(kind: pa.DataType) -> None:
    one = [("a", 1)] if pa.types.is_map(kind) else [1] if pa.types.is_list(kind) else {"a": 1}
    assert summed(pa.array([one, one, None], kind)).distinct == 1


def test_what_can_never_be_judged_is_refused() -> None:
    with pytest.raises(ExpectationError, match="needs min_value or max_value"):
        build("expect_column_mean_to_be_between", {"column": "x"})
    with pytest.raises(ExpectationError, match="above max_value"):
        build("expect_column_mean_to_be_between", {"column": "x", "min_value": 2, "max_value": 1})
    with pytest.raises(ExpectationError, match="is not for column 'name' of type string"):
        WindowChecks([rule("expect_column_mean_to_be_between", column="name", min_value=1)], SCHEMA, "at")
    with pytest.raises(ExpectationError, match="no column 'y'"):
        WindowChecks([rule("expect_column_mean_to_be_between", column="y", min_value=1)], SCHEMA, "at")
    with pytest.raises(ExpectationError, match="from 0 to 1"):
        rule("expect_column_values_to_not_be_null", column="x", mostly=2)


PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
APART = "expect_select_column_values_to_be_unique_within_record"
# One row each: a is above b; they are equal; b is missing; a is NaN; both are missing; both are missing.
PAIRS = [(2.0, 1.0), (1.0, 1.0), (1.0, None), (math.nan, 1.0), (None, None), (math.nan, None)]


@pytest.mark.parametrize(
    ("name", "ignored", "observed"),
    [
        (PAIR, "both_values_are_missing", "25.00% of 4"),
        (PAIR, "either_value_is_missing", "50.00% of 2"),
        (PAIR, "never", "16.67% of 6"),
        (APART, "all_values_are_missing", "75.00% of 4"),
        (APART, "any_value_is_missing", "50.00% of 2"),
        (APART, "never", "50.00% of 6"),
    ],
)
def test_mostly_is_a_share_of_the_rows_that_the_rule_does_not_ignore(name: str, ignored: str, observed: str) -> None:
    fields = {"column_A": "a", "column_B": "b"} if name == PAIR else {"column_list": ["a", "b"]}
    mostly = rule(name, **fields, ignore_row_if=ignored, mostly=0.9)
    schema = pa.schema({"at": pa.int64(), "a": pa.float64(), "b": pa.float64()})
    rows = pa.RecordBatch.from_pylist([{"at": 0, "a": a, "b": b} for a, b in PAIRS], schema)
    ((_, _, summary),) = WindowChecks([mostly], schema, "at").summaries(rows)
    assert mostly.judge(summary) == Verdict(False, observed)


@given(
    rows=st.lists(st.tuples(*[st.none() | st.sampled_from([0.0, 1.0, math.nan])] * 3), max_size=20),
    which=st.sampled_from(
        [(PAIR, word) for word in IGNORE_PAIR]
        + [("expect_column_pair_values_to_be_equal", word) for word in IGNORE_PAIR]
        + [(APART, word) for word in IGNORE_LIST]
        + [(name, "") for name in ("expect_column_values_to_be_null", "expect_column_values_to_not_be_null")]
        + [("expect_column_values_to_be_in_set", ""), ("expect_column_values_to_be_between", "")]
    ),
)
def test_what_a_rule_ignores_is_counted_nowhere_and_breaks_nothing(rows: list[Any], which: tuple[str, str]) -> None:
    name, ignored = which
    arguments: dict[str, Any] = {"ignore_row_if": ignored} if ignored else {"column": "a"}
    arguments |= {"column_A": "a", "column_B": "b"} if "pair" in name else {}
    arguments |= {"column_list": ["a", "b", "c"]} if name == APART else {}
    arguments |= {"value_set": [1.0]} if "set" in name else {"min_value": 1} if "between" in name else {}
    mostly = rule(name, **arguments, mostly=0.5)
    assert isinstance(mostly, Mostly)
    schema = pa.schema({"at": pa.int64(), "a": pa.float64(), "b": pa.float64(), "c": pa.float64()})
    dicts = [{"at": 0, **dict(zip("abc", row, strict=True))} for row in rows]
    summaries = list(WindowChecks([mostly], schema, "at").summaries(pa.RecordBatch.from_pylist(dicts, schema)))
    checked, failed = summaries[0][2].mostly[mostly.key] if rows else (0, 0)
    missing = [sum(is_missing(row[column]) for column in mostly.columns) for row in dicts]
    limit = 1 if ignored.startswith(("any", "either")) else len(mostly.columns)
    looked_at = [row for row, many in zip(dicts, missing, strict=True)
                 if many < limit or ignored == "never" or name.endswith("_null")]  # fmt: skip
    assert checked == len(looked_at)
    assert failed == sum(map(mostly.rule.fails_row, dicts)) == sum(map(mostly.rule.fails_row, looked_at))


@pytest.mark.parametrize("checked", [10, 20, 100, 1_000])
def test_a_share_of_exactly_mostly_is_enough(checked: int) -> None:
    for held in range(1, checked):
        mostly = rule("expect_column_values_to_not_be_null", column="x", mostly=held / checked)
        assert isinstance(mostly, Mostly)
        assert mostly.judge(Summary(mostly={mostly.key: (checked, checked - held)})).holds
        assert not mostly.judge(Summary(mostly={mostly.key: (checked, checked - held + 1)})).holds


@pytest.mark.parametrize("over", [timedelta(0), timedelta(microseconds=500), timedelta(milliseconds=1, microseconds=1)])
@pytest.mark.parametrize("mostly", [None, 0.5])
def test_a_window_is_of_whole_milliseconds(over: timedelta, mostly: float | None) -> None:
    name = "expect_table_row_count_to_be_between" if mostly is None else "expect_column_values_to_not_be_null"
    arguments = {"min_value": 1} if mostly is None else {"column": "x"}
    with pytest.raises(ExpectationError, match="over is a span of whole milliseconds"):
        build(name, arguments, over=over, mostly=mostly)


@given(st.integers(1, 10**9))
def test_a_window_is_exactly_as_long_as_it_is_stated(over_ms: int) -> None:
    over = timedelta(milliseconds=over_ms)
    counted = build("expect_table_row_count_to_be_between", {"min_value": 1}, over=over)
    assert isinstance(counted, Windowed)
    checks, merged = WindowChecks([counted], SCHEMA, "at"), MergedWindows()
    assert checks.spans == [over_ms]
    merged.add(report(frame([(over_ms, 1.0, None)]), checks))
    assert [(judged.start_ms, judged.end_ms) for judged in merged.verdicts([counted])] == [(over_ms, 2 * over_ms)]
