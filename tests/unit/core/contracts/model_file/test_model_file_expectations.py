"""Expectations in a model file: Great Expectations' names and arguments, checked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.core.contracts.model_file.model_text import MINIMAL, parse, refused
from tidemill.contracts.model_file import ExpectationSpec


def file_with(expectation: str) -> str:
    return f"{MINIMAL}expectations:\n  - {expectation}\n"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (
            "expect_column_values_to_not_be_null: {column: a}",
            ExpectationSpec("expect_column_values_to_not_be_null", {"column": "a"}),
        ),
        (
            "expect_column_values_to_be_between: {column: a, min_value: 0, max_value: 1.5, strict_min: true}",
            ExpectationSpec(
                "expect_column_values_to_be_between",
                {"column": "a", "min_value": 0, "max_value": 1.5, "strict_min": True},
            ),
        ),
        (
            "expect_column_values_to_be_between: {column: a, min_value: 2013-01-01, severity: warning}",
            ExpectationSpec(
                "expect_column_values_to_be_between", {"column": "a", "min_value": "2013-01-01"}, "warning"
            ),
        ),
        (
            "expect_column_values_to_be_in_set: {column: a, value_set: [NO, 'yes', '1']}",
            ExpectationSpec("expect_column_values_to_be_in_set", {"column": "a", "value_set": ("NO", "yes", "1")}),
        ),
        (
            "expect_column_values_to_match_regex: {column: a, regex: '^[A-Z]+$'}",
            ExpectationSpec("expect_column_values_to_match_regex", {"column": "a", "regex": "^[A-Z]+$"}),
        ),
        (
            "expect_column_values_to_match_regex_list: {column: a, regex_list: ['^N', 'X$'], match_on: all}",
            ExpectationSpec(
                "expect_column_values_to_match_regex_list",
                {"column": "a", "regex_list": ("^N", "X$"), "match_on": "all"},
            ),
        ),
        (
            "expect_column_values_to_not_match_like_pattern: {column: a, like_pattern: 'N%'}",
            ExpectationSpec("expect_column_values_to_not_match_like_pattern", {"column": "a", "like_pattern": "N%"}),
        ),
        (
            "expect_column_value_lengths_to_be_between: {column: a, max_value: 3}",
            ExpectationSpec("expect_column_value_lengths_to_be_between", {"column": "a", "max_value": 3}),
        ),
        (
            "expect_column_values_to_be_unique: {column: a, within: 2d}",
            ExpectationSpec("expect_column_values_to_be_unique", {"column": "a"}, within=timedelta(days=2)),
        ),
    ],
)
def test_an_expectation_is_read_as_written(text: str, spec: ExpectationSpec) -> None:
    assert parse(file_with(text)).expectations == (spec,)
    assert spec.column == "a"


@pytest.mark.parametrize(
    "name",
    [
        "expect_column_stdev_to_be_between",
        "expect_column_values_to_be_increasing",
        "expect_table_column_count_to_equal",
    ],
)
def test_an_expectation_that_is_not_built_is_refused_by_name(name: str) -> None:
    error = refused(file_with(f"{name}: {{column: a}}"))
    assert error.message == f"`{name}` is part of the model file but is not built yet"
    assert (error.line, error.column) == (9, 5)


def test_an_unknown_expectation_is_an_error_with_the_nearest_known_one() -> None:
    error = refused(file_with("expect_column_values_to_be_not_null: {column: a}"))
    assert error.message == "unknown expectation 'expect_column_values_to_be_not_null'"
    assert error.suggestion == "did you mean 'expect_column_values_to_not_be_null'?"


def test_row_condition_is_refused_by_name() -> None:
    error = refused(file_with("expect_column_values_to_not_be_null: {column: a, row_condition: b > 1}"))
    assert error.message.startswith("`expectations[0].expect_column_values_to_not_be_null.row_condition` is part of")


def test_mostly_makes_a_rule_about_rows_one_by_window_that_warns() -> None:
    (found,) = parse(file_with("expect_column_values_to_not_be_null: {column: a, mostly: 0.95}")).expectations
    assert (found.severity, found.over, found.mostly) == ("warning", timedelta(days=1), 0.95)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("expect_column_pair_values_a_to_be_greater_than_b: {column_A: a, column_B: b}", ("a", "b")),
        ("expect_compound_columns_to_be_unique: {column_list: [b, a], within: 1d}", ("b", "a")),
        ("expect_table_row_count_to_be_between: {max_value: 3, over: 1h}", ()),
        ("expect_column_mean_to_be_between: {column: a, max_value: 3}", ("a",)),
    ],
)
def test_an_expectation_names_the_fields_that_it_is_about(text: str, columns: tuple[str, ...]) -> None:
    (found,) = parse(file_with(text)).expectations
    assert found.columns == columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("expect_column_values_to_not_be_null", "`expectations[0]` must be a mapping"),
        ("{a: 1, b: 2}", "must be one expectation"),
        ("expect_column_values_to_not_be_null: {}", ".column` is missing"),
        (
            "expect_column_values_to_not_be_null: {column: a, severity: bad}",
            "must be one of critical, warning",
        ),
        ("expect_column_values_to_not_be_null: {column: a, min_value: 1}", "unknown key 'min_value'"),
        ("expect_column_values_to_be_between: {column: a}", "needs `min_value`, `max_value` or both"),
        (
            "expect_column_values_to_be_between: {column: a, min_value: 2, max_value: 1}",
            "is below `min_value`",
        ),
        ("expect_column_values_to_be_between: {column: a, min_value: low}", "must be a number, or a time"),
        (
            "expect_column_values_to_be_between: {column: a, min_value: 1, max_value: 2013-01-01}",
            "must both be",
        ),
        (
            "expect_column_values_to_be_between: {column: a, min_value: 2013-01-02, max_value: '2013-01-01'}",
            "is below",
        ),
        (
            "expect_column_values_to_be_between: {column: a, min_value: 1, strict_min: 1}",
            "must be true or false",
        ),
        ("expect_column_values_to_be_in_set: {column: a}", "needs `value_set`"),
        ("expect_column_values_to_be_in_set: {column: a, value_set: []}", "at least one value"),
        (
            "expect_column_values_to_be_in_set: {column: a, value_set: [a, 1]}",
            "put texts that look like others",
        ),
        (
            "expect_column_values_to_be_in_set: {column: a, value_set: [true, 1]}",
            "put texts that look like others",
        ),
        ("expect_column_values_to_be_in_set: {column: a, value_set: [a, ~]}", "none of them empty"),
        ("expect_column_values_to_match_regex: {column: a, regex: '['}", "is not a regular expression"),
        ("expect_column_values_to_match_regex_list: {column: a, regex_list: [a, '(']}", "is not a regular expression"),
        ("expect_column_values_to_match_regex: {column: a, regex: '(?=a)'}", "look-around"),
        (r"expect_column_values_to_not_match_regex: {column: a, regex: '(a)\1'}", "a reference to a group"),
        ("expect_column_values_to_match_regex_list: {column: a, regex_list: [a, 'a{9999}']}", "more than 1,000 times"),
        ("expect_column_values_to_not_match_like_pattern_list: {column: a, like_pattern_list: []}", "at least one"),
        ("expect_column_values_to_match_like_pattern: {column: a}", "needs `like_pattern`"),
        (
            "expect_column_value_lengths_to_be_between: {column: a, min_value: -1}",
            "whole number of at least 0",
        ),
        ("expect_column_values_to_be_unique: {column: a}", "needs `within`"),
        ("expect_column_values_to_be_unique: {column: a, within: 2}", "is not a duration"),
        ("expect_column_values_to_be_unique: {column: a, within: 2d, severity: info}", "is critical"),
        ("expect_column_values_to_not_be_null: {column: a, over: 1d}", "with a rule about rows, say `mostly`"),
        ("expect_column_values_to_not_be_null: {column: a, mostly: 95}", "a share from 0 to 1"),
        ("expect_column_mean_to_be_between: {column: a, min_value: 1, mostly: 1}", "unknown key 'mostly'"),
        ("expect_table_row_count_to_be_between: {min_value: 1, over: 0s}", "longer than nothing"),
        ("expect_column_values_to_be_of_type: {column: a, type_: strng}", "must be one of"),
        ("expect_compound_columns_to_be_unique: {column_list: [a], within: 1d}", "at least 2 different fields"),
    ],
)
def test_wrong_arguments_are_errors_that_say_what_is_expected(text: str, message: str) -> None:
    error = refused(file_with(text))
    assert message in error.message
    assert error.line == 9
