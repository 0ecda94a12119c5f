"""A model file against its record: fields exist, types fit, and errors say where in the model file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.contracts.model_file.model_text import HEAD, MINIMAL, at, parse
from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.record_check import check_against_record
from tidemill.contracts.schemas.catalog import Schema, make_schema

TIME = {"type": "long", "logicalType": "timestamp-millis"}
FIELDS: dict[str, Any] = {
    "event_id": "string",
    "customer": ["null", "string"],
    "asked_at": TIME,
    "amount": ["null", "double"],
    "purpose": "string",
    "defaulted": ["null", "boolean"],
    "grade": {"type": "enum", "name": "Grade", "symbols": ["A", "B"]},
    "tags": {"type": "array", "items": "string"},
    "either": ["int", "string"],
    "flag": ["null", "boolean"],
}


def record(**changes: Any) -> Schema:
    """The record, with other types for some fields; `...` leaves a field out."""
    fields = {name: kind for name, kind in (FIELDS | changes).items() if kind is not ...}
    return make_schema(
        "loan-default",
        {"type": "record", "name": "Loan", "fields": [{"name": n, "type": t} for n, t in fields.items()]},
    )


def refused(text: str, **changes: Any) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        check_against_record(parse(text), record(**changes))
    return caught.value


def test_a_model_that_fits_its_record_passes() -> None:
    features = "  purpose: category\n  grade: category\n  flag: number\n  asked_at: {time: [hour], zone: UTC}\n"
    check_against_record(parse(MINIMAL + features), record())


def test_the_label_may_be_absent_from_the_record() -> None:
    check_against_record(parse(MINIMAL), record(defaulted=...))


@pytest.mark.parametrize(
    ("changes", "message", "line"),
    [
        ({"event_id": ...}, "no field 'event_id'", 1),
        ({"event_id": "long"}, "'event_id' is long", 1),
        ({"event_id": ["null", "string"]}, "'event_id' must not be nullable", 1),
        ({"customer": ...}, "no field 'customer'", 3),
        ({"customer": "long"}, "'customer' is long", 3),
        (
            {"asked_at": "long"},
            "'asked_at' is long in loan-default.avsc: here it must be timestamp-millis",
            4,
        ),
        ({"asked_at": ["null", TIME]}, "'asked_at' must not be nullable", 4),
        ({"defaulted": ["null", "string"]}, "'defaulted' is string", 5),
        ({"defaulted": "boolean"}, "'defaulted' must be nullable", 5),
        ({"amount": "string"}, "'amount' is string", 7),
        ({"amount": ["null", "int", "string"]}, "'amount' is union", 7),
        ({"_kind": "string"}, "field '_kind': names that begin with _ are the platform's own", 2),
    ],
)
def test_a_record_that_does_not_bear_the_model_out_is_an_error_at_the_models_line(
    changes: dict[str, Any], message: str, line: int
) -> None:
    error = refused(MINIMAL, **changes)
    assert message in error.message
    assert error.line == line


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("amout: number", "no field 'amout'"),
        ("purpose: number", "'purpose' is string"),
        ("tags: category", "'tags' is array"),
        ("either: category", "'either' is union"),
        ("amount2: number", "no field 'amount2'"),
        ("purpose: {time: [hour], zone: UTC}", "here it must be timestamp-millis"),
        ("defaulted: category", "a model must not learn from it"),
        ("event_id: category", "a model must not learn from it"),
    ],
)
def test_a_feature_that_the_record_has_not_is_an_error_at_the_feature(feature: str, message: str) -> None:
    error = refused(MINIMAL + f"  {feature}\n")
    assert message in error.message
    assert at(error) == (8, 3)


def test_the_nearest_field_is_suggested() -> None:
    assert refused(MINIMAL + "  amout: number\n").suggestion == "did you mean 'amount'?"


@pytest.mark.parametrize(
    ("task", "kind", "fits"),
    [
        ("multiclass", "string", True),
        ("multiclass", "boolean", False),
        ("regression", "double", True),
        ("regression", "string", False),
    ],
)
def test_the_label_has_the_type_of_the_task(task: str, kind: str, fits: bool) -> None:
    text = MINIMAL.replace("binary", task)
    if fits:
        check_against_record(parse(text), record(defaulted=["null", kind]))
    else:
        assert "'defaulted' is" in refused(text, defaulted=["null", kind]).message


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        ("expect_column_values_to_not_be_null: {column: amnt}", "no field 'amnt'"),
        ("expect_column_values_to_not_be_null: {column: tags}", "'tags' is array"),
        ("expect_column_values_to_be_between: {column: purpose, min_value: 1}", "'purpose' is string"),
        ("expect_column_values_to_be_between: {column: amount, min_value: 2013-01-01}", "must be timestamp"),
        ("expect_column_values_to_be_in_set: {column: amount, value_set: [a]}", "'amount' is double"),
        ("expect_column_values_to_be_in_set: {column: purpose, value_set: [true]}", "must be boolean"),
        ("expect_column_values_to_be_in_set: {column: purpose, value_set: [1]}", "'purpose' is string"),
        ("expect_column_values_to_match_regex: {column: amount, regex: a}", "'amount' is double"),
    ],
)
def test_an_expectation_that_does_not_fit_its_column_is_an_error_at_the_column(expectation: str, message: str) -> None:
    error = refused(f"{MINIMAL}expectations:\n  - {expectation}\n")
    assert message in error.message
    assert error.line == 9
    assert error.column == expectation.index("column: ") + len("column: ") + 5


def test_expectations_that_fit_pass() -> None:
    fitting = [
        "expect_column_values_to_be_between: {column: asked_at, min_value: 2013-01-01}",
        "expect_column_values_to_be_in_set: {column: flag, value_set: [true]}",
        "expect_column_values_to_be_in_set: {column: amount, value_set: [1, 2.5]}",
        "expect_column_value_lengths_to_be_between: {column: grade, max_value: 1}",
        "expect_column_values_to_be_unique: {column: event_id, within: 1d}",
    ]
    check_against_record(parse(MINIMAL + "expectations:\n" + "".join(f"  - {e}\n" for e in fitting)), record())


def test_a_feature_called_like_a_key_of_the_file_is_found_at_its_own_line() -> None:
    error = refused(HEAD + "target: {label: defaulted, task: binary}\nfeatures:\n  entity: number\n")
    assert at(error) == (7, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("normalise:\n  event_id: [trim]\n", "identifies the event or is its label"),
        ("normalise:\n  asked_at: {offset: 1}\n", "identifies the event or is its label"),
        ("normalise:\n  amount: [trim]\n", "'amount' is double in loan-default.avsc: here it must be string"),
        ("normalise:\n  purpose: {multiply: 2}\n", "here it must be double or float"),
        ("normalise:\n  purpose: [trim, {multiply: 2}]\n", "are for text and for numbers"),
        ("normalise:\n  purpose: {map: {a: null}}\n", "admits no null, and `map` gives null"),
        ("normalise:\n  purpos: [trim]\n", "loan-default.avsc has no field 'purpos'"),
        ("privacy:\n  defaulted: drop\n", "identifies the event or is its label"),
        ("privacy:\n  amount: drop\n", "is a feature"),
        ("privacy:\n  flag: hash\n", "here it must be string"),
        ("privacy:\n  grade: drop\n", "it cannot be dropped"),
    ],
)
def test_a_rule_on_a_field_that_it_is_not_for_is_an_error_at_the_field(text: str, message: str) -> None:
    error = refused(MINIMAL + text)
    assert message in str(error)
    assert at(error) == (9, 3)


def test_what_must_be_unique_may_be_hashed_but_not_masked() -> None:
    unique = "expectations: [{expect_column_values_to_be_unique: {column: purpose, within: 1d}}]\n"
    check_against_record(parse(f"{MINIMAL}{unique}privacy: {{purpose: hash}}\n"), record())
    assert "say hash" in refused(f"{MINIMAL}{unique}privacy: {{purpose: mask}}\n").message


def test_rules_on_fields_that_fit_pass() -> None:
    text = "normalise: {purpose: [trim, {map: {a: b}}], customer: lower, amount: {unit: {from: mi, to: km}}}\n"
    check_against_record(parse(MINIMAL + text + "privacy: {customer: hash, purpose: mask, flag: drop}\n"), record())


def test_columns_of_a_pair_must_be_comparable() -> None:
    pair = "expectations:\n  - expect_column_pair_values_to_be_equal: {column_A: purpose, column_B: amount}\n"
    assert "purpose and amount cannot be compared" in str(refused(MINIMAL + pair))
