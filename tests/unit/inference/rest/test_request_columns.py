"""Rows in columns are judged as each of them is by itself: the same rules broken, with the same words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inference.fakes import MODEL, NOW_MS, ROUTE, SPECS
from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ExpectationSpec
from tidemill_expectations import RowChecks
from tidemill_inference.rest.request_checks import InvalidInstances, Noted, RecordRules

ASKED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("expect_column_values_to_not_be_null", {"column": "dest"}),
    ("expect_column_values_to_be_null", {"column": "humidity"}),
    ("expect_column_values_to_be_between", {"column": "distance", "min_value": 0, "strict_max": True, "max_value": 9}),
    ("expect_column_values_to_be_between", {"column": "scheduled_at", "min_value": "2020-01-01T00:00:00Z"}),
    ("expect_column_values_to_be_in_set", {"column": "origin", "value_set": ["EWR", "JFK"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "flight", "value_set": [1, 2]}),
    ("expect_column_values_to_match_regex", {"column": "carrier", "regex": "^[A-Z]{2}$"}),
    ("expect_column_values_to_not_match_regex", {"column": "carrier", "regex": "é|X"}),
    ("expect_column_value_lengths_to_be_between", {"column": "tail_number", "min_value": 1, "max_value": 3}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "origin", "column_B": "dest"}),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "distance", "column_B": "flight", "ignore_row_if": "either_value_is_missing"},
    ),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["carrier", "origin", "dest"]}),
)
TEXTS = st.none() | st.sampled_from(["", "UA", "EWR", "JFK", "é", "XXXXX", "aa"])
NUMBERS = st.none() | st.sampled_from([0.0, -0.0, 9.0, 8.99, float("nan"), float("inf"), -1.0, 2.0])
ROWS = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["e", "", "x" * 257]),
        "scheduled_at": st.sampled_from([0, NOW_MS, NOW_MS + 10**9, 1_577_836_799_999, 1_577_836_800_000]),
        "tail_number": TEXTS, "carrier": TEXTS, "origin": TEXTS, "dest": TEXTS,
        "flight": st.none() | st.integers(0, 10), "distance": NUMBERS, "humidity": NUMBERS,
    }
)  # fmt: skip


def columns_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    layout = layout_of(ROUTE.record.json)
    assert layout is not None
    return pa.RecordBatch.from_pylist(rows, schema=layout.arrow)


@pytest.mark.parametrize("severity", ["critical", "warning"])
@settings(max_examples=150, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=6))
def test_columns_break_the_rules_that_their_rows_break(severity: Any, rows: list[dict[str, Any]]) -> None:
    noted: list[Noted] = []
    asked = tuple(ExpectationSpec(name, kwargs, severity) for name, kwargs in ASKED)
    spec = replace(SPECS[MODEL], expectations=asked, normalise={})
    rules = RecordRules(spec, ROUTE.record, max_ahead_ms=10**12, on_noted=noted.append)
    given_rows = columns_of(rows)
    expected, warned = [], dict.fromkeys(range(len(rules.expectations)), 0)
    at = given_rows.schema.get_field_index("scheduled_at")
    plain = given_rows.set_column(at, "scheduled_at", given_rows.column(at).cast(pa.int64())).to_pylist()
    for index, row in enumerate(plain):
        for failure in RowChecks(rules.expectations).check(row):
            rule = failure.expectation
            if rule.severity == "critical":
                expected.append((index, rule.subject, failure.message, rule.name))
            else:
                warned[rules.expectations.index(rule)] += 1
    try:
        rules.columns(given_rows, NOW_MS)
        found: list[tuple[Any, ...]] = []
    except InvalidInstances as error:
        assert error.total == len(error.errors)
        found = [(one.index, one.field, one.reason, one.rule) for one in error.errors]
    assert sorted(found) == sorted(expected)
    assert [note.rows for note in noted] == [count for count in warned.values() if count]


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("match_regex", {"column": "distance", "regex": "^5"}, "distance is 6.0, which does not match '^5'"),
        ("be_between", {"column": "origin", "max_value": 5}, "origin is 'x', not a number"),
    ],
)
def test_a_rule_that_has_no_form_for_its_columns_type_is_asked_row_by_row(
    name: str, asked: dict[str, Any], reason: str
) -> None:
    asks = (ExpectationSpec(f"expect_column_values_to_{name}", asked, "critical"),)
    rules = RecordRules(replace(SPECS[MODEL], expectations=asks, normalise={}), ROUTE.record)
    with pytest.raises(InvalidInstances) as caught:
        rules.columns(columns_of([{"event_id": "e", "scheduled_at": NOW_MS, "distance": 6.0, "origin": "x"}]), NOW_MS)
    assert [error.reason for error in caught.value.errors] == [reason]
