from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from tidemill.contracts.model_file.vocabulary import ROW_EXPECTATIONS
from tidemill_expectations import (
    Between,
    Expectation,
    ExpectationError,
    Finite,
    InSet,
    NotNull,
    RowChecks,
    Unique,
    UniqueLabel,
    build,
    event_suite,
    label_suite,
)
from tidemill_expectations.catalog import MAKERS
from tidemill_expectations.columns import ColumnChecks
from tidemill_expectations.kernels.catalog import KERNELS

DAY_MS = 86_400_000


def test_the_row_part_imports_neither_numpy_nor_pyarrow() -> None:
    program = "import sys, tidemill_expectations as t; t.RowChecks([t.Between('x', 0, 1)]).check({'x': 2});"
    program += "print([m for m in ('polars', 'pyarrow', 'numpy') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_great_expectations_names_and_arguments_are_understood() -> None:
    assert build("expect_column_values_to_not_be_null", {"column": "a"}) == NotNull("a")
    between = build("expect_column_values_to_be_between", {"column": "a", "min_value": 1, "strict_min": True})
    assert between == Between("a", 1, None, strict_min=True)
    assert build("expect_column_values_to_be_in_set", {"column": "a", "value_set": ["x"]}) == InSet(
        "a", frozenset({"x"})
    )
    unique = build("expect_column_values_to_be_unique", {"column": "a"}, within=timedelta(days=2))
    assert unique == Unique("a", timedelta(days=2))


@pytest.mark.parametrize(
    "bound",
    [date(1970, 1, 2), datetime(1970, 1, 2), datetime(1970, 1, 2, tzinfo=UTC), "1970-01-02T00:00:00Z"],
)
def test_a_time_bound_is_read_as_people_write_it(bound: object) -> None:
    between = build("expect_column_values_to_be_between", {"column": "at", "max_value": bound})
    assert between == Between("at", None, DAY_MS, times=True)
    assert isinstance(between, Between)
    assert between.fails(DAY_MS + 1)
    assert between.explain(DAY_MS + 1) == "at is 1970-01-02T00:00:00.001Z, above 1970-01-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("name", "kwargs", "says"),
    [
        (
            "expect_column_values_to_not_be_nul",
            {"column": "a"},
            "did you mean 'expect_column_values_to_not_be_null'",
        ),
        ("expect_column_values_to_not_be_null", {"column": "a", "mostl": 0.9}, "takes no 'mostl'"),
        ("expect_column_values_to_be_between", {"column": "a", "min": 0}, "did you mean 'min_value'"),
        ("expect_column_values_to_be_between", {"column": "a"}, "needs min_value or max_value"),
        (
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": 2, "max_value": 1},
            "above max_value",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": float("nan")},
            "not a finite number",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": True},
            "neither a number nor a time",
        ),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": 2**53 + 1}, "too long"),
        (
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": "low"},
            "neither a number nor a time",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "a", "min_value": 0, "max_value": "2013-01-01"},
            "not a finite number",
        ),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": ["x", 1]}, "either strings"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": []}, "empty"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": 10**400}, "too long"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": "abc"}, "needs value_set"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "("}, "is not a regular expression"),
        ("expect_column_values_to_be_unique", {"column": "a"}, "needs within"),
        (
            "expect_column_value_lengths_to_be_between",
            {"column": "a", "min_value": 3, "max_value": 2},
            "in order",
        ),
        ("expect_column_values_to_not_be_null", {}, "needs a column"),
    ],
)
def test_what_cannot_be_checked_is_refused_and_says_why(name: str, kwargs: dict[str, Any], says: str) -> None:
    with pytest.raises(ExpectationError, match=says):
        build(name, kwargs)


@pytest.mark.parametrize(
    ("name", "kwargs", "dtype"),
    [
        ("expect_column_values_to_be_between", {"column": "x", "min_value": 0}, pa.string()),
        ("expect_column_values_to_be_between", {"column": "x", "min_value": date(2013, 1, 1)}, pa.int64()),
        ("expect_column_values_to_be_between", {"column": "x", "min_value": 0}, pa.bool_()),
        ("expect_column_values_to_be_in_set", {"column": "x", "value_set": [1]}, pa.string()),
        ("expect_column_values_to_be_in_set", {"column": "x", "value_set": ["a"]}, pa.int64()),
        ("expect_column_values_to_match_regex", {"column": "x", "regex": "a"}, pa.float64()),
        ("expect_column_values_to_be_finite", {"column": "x"}, pa.string()),
    ],
)
def test_an_expectation_is_refused_for_a_column_of_another_type(
    name: str, kwargs: dict[str, Any], dtype: pa.DataType
) -> None:
    expectation = build(name, kwargs)
    assert not isinstance(expectation, Unique)
    with pytest.raises(ExpectationError, match="is not for column 'x'"):
        ColumnChecks([expectation], pa.schema({"x": dtype}))


def test_an_expectation_about_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(ExpectationError, match="no column 'y'"):
        ColumnChecks([NotNull("y")], pa.schema({"x": pa.int64()}))


def test_a_row_names_everything_that_it_breaks_in_order() -> None:
    checks = RowChecks([NotNull("a"), Between("b", 0, 10), InSet("c", frozenset({"x", "y"}))])
    failures = checks.check({"b": 11, "c": "z"})
    assert [f.message for f in failures] == [
        "a is missing",
        "b is 11, above 10",
        "c is 'z', not one of 'x', 'y'",
    ]
    assert checks.check({"a": 1, "b": 10, "c": "x"}) == ()


def test_nothing_to_check_and_nothing_to_check_it_on_are_both_fine() -> None:
    assert ColumnChecks([], pa.schema([])).failures(pa.record_batch({"x": [1]})) == []
    empty = pa.record_batch({"x": pa.array([], pa.int64())})
    both = ColumnChecks([Between("x", 0, 1), Finite("x"), InSet("x", frozenset({1}))], empty.schema).failures(empty)
    assert both == [None, None, None]


def test_every_rule_about_rows_has_a_kernel() -> None:
    assert set(MAKERS) >= set(ROW_EXPECTATIONS)
    rules = [rule for rule in _rules(Expectation) if not inspect.isabstract(rule)]
    assert {rule.name for rule in rules} == set(MAKERS)
    assert [rule for rule in rules if not KERNELS.keys() & set(rule.__mro__)] == []


def _rules(kind: type[Expectation]) -> list[type[Expectation]]:
    """The rules that modules hold: a dataclass with slots leaves the class behind that it was made from."""
    own = [rule for rule in kind.__subclasses__() if getattr(sys.modules[rule.__module__], rule.__name__) is rule]
    return [found for rule in own for found in (rule, *_rules(rule))]


def a_model(**over: Any) -> Any:
    base: dict[str, Any] = {
        "event_id": "id",
        "event_time": "at",
        "features": (
            SimpleNamespace(name="distance", kind="number"),
            SimpleNamespace(name="carrier", kind="category"),
        ),
        "target": SimpleNamespace(task="binary", expires=timedelta(days=3)),
        "expectations": (),
        "events": None,
        "unique": True,
    }
    return SimpleNamespace(**{**base, **over})


def stated(name: str, within: timedelta | None = None, **kwargs: Any) -> Any:
    plain = {"severity": None, "over": None, "mostly": None}
    return SimpleNamespace(name=name, kwargs=kwargs, within=within, **plain)


def test_identity_and_finite_numbers_are_expected_of_every_event() -> None:
    suite = event_suite(a_model(expectations=(stated("expect_column_values_to_not_be_null", column="at"),)))
    checks = RowChecks(suite.expectations)
    assert checks.check({"id": "a", "at": 0, "distance": 1.0}) == ()
    assert [f.message for f in checks.check({"id": "", "at": None})] == ["id is empty", "at is missing"]
    assert [f.expectation.column for f in checks.check({"id": "a", "at": 2**60, "distance": 1e39})] == [
        "at",
        "distance",
    ]


def test_event_ids_are_unique_within_a_year_though_no_expectation_says_so() -> None:
    suite = event_suite(a_model())
    assert suite.unique == Unique("id", timedelta(days=365)) and suite.implied
    other = stated("expect_column_values_to_be_unique", within=timedelta(days=2), column="carrier")
    beside = event_suite(a_model(expectations=(other,)))
    assert [rule.columns for rule in beside.uniques] == [("id",), ("carrier",)] and beside.implied
    assert label_suite(a_model()).implied


def test_a_model_that_says_off_has_positions_for_ids_or_states_its_own_rule_gets_none() -> None:
    assert event_suite(a_model(unique=False)).unique is None
    assert event_suite(a_model(events=SimpleNamespace(event_id="coordinates"))).unique is None
    own = stated("expect_column_values_to_be_unique", within=timedelta(days=2), column="id")
    suite = event_suite(a_model(expectations=(own,)))
    assert suite.uniques == (Unique("id", timedelta(days=2)),) and not suite.implied


def test_labels_are_unique_for_as_long_as_their_events() -> None:
    unique = stated("expect_column_values_to_be_unique", within=timedelta(days=2), column="id")
    model = a_model(expectations=(unique,))
    assert event_suite(model).unique == Unique("id", timedelta(days=2))
    assert label_suite(model).unique == UniqueLabel(timedelta(days=2))
    assert label_suite(a_model()).unique == UniqueLabel(timedelta(days=365))
    assert label_suite(a_model(unique=False)).unique == UniqueLabel(timedelta(days=3))


@pytest.mark.parametrize(
    ("task", "label"),
    [("regression", float("nan")), ("regression", float("inf")), ("multiclass", ""), ("binary", None)],
)
def test_a_label_that_cannot_be_learned_from_fails(task: str, label: object) -> None:
    suite = label_suite(a_model(target=SimpleNamespace(task=task, expires=timedelta(days=3))))
    row = {"event_id": "a", "event_time": 0, "observed_at": 0, "label": label}
    assert [f.expectation.column for f in RowChecks(suite.expectations).check(row)] == ["label"]


def test_other_columns_may_be_unique_too_and_the_event_id_comes_first() -> None:
    within = timedelta(days=2)
    other = stated("expect_column_values_to_be_unique", within=within, column="carrier")
    pair = stated("expect_compound_columns_to_be_unique", within=within, column_list=("carrier", "dest"))
    ids = stated("expect_column_values_to_be_unique", within=within, column="id")
    suite = event_suite(a_model(expectations=(other, pair, ids)))
    assert [rule.columns for rule in suite.uniques] == [("id",), ("carrier",), ("carrier", "dest")]
    with pytest.raises(ExpectationError, match="stands twice"):
        event_suite(a_model(expectations=(other, other)))


def test_rules_by_window_stand_apart_and_never_set_a_record_aside() -> None:
    mean = stated("expect_column_mean_to_be_between", column="distance", min_value=5)
    suite = event_suite(a_model(expectations=(mean,)))
    assert [rule.name for rule in suite.windows] == ["expect_column_mean_to_be_between"]
    assert RowChecks(suite.expectations).check({"id": "a", "at": 0, "distance": 1.0}) == ()
