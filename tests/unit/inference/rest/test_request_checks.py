from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inference.fakes import MODEL, NOW_MS, ROUTE, SPECS, endpoint, warm_predictor
from tidemill.contracts.model_file.spec import PrivacyRule
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.request_checks import InstanceError, InvalidInstances, Noted, RecordRules

RIGHT = {"carrier": "UA", "dest": "IAH", "origin": "EWR", "distance": 719.0, "scheduled_at": NOW_MS}


def flights() -> ModelEndpoint:
    return endpoint(warm_predictor(), checked=True)


def errors_of(instance: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidInstances) as caught:
        flights().predict([RIGHT, instance])
    assert {error.index for error in caught.value.errors} == {1}
    return [(error.field, error.rule, error.type) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"distance": -3}, ("distance", "expect_column_values_to_be_between", "integer")),
        ({"distance": 6_000.5}, ("distance", "expect_column_values_to_be_between", "number")),
        ({"distance": 1e39}, ("distance", "expect_column_values_to_be_finite", "number")),
        ({"distance": "far"}, ("distance", "schema", "string")),
        ({"distance": True}, ("distance", "schema", "boolean")),
        ({"dest": None}, ("dest", "expect_column_values_to_not_be_null", "null")),
        ({"origin": "BOS"}, ("origin", "expect_column_values_to_be_in_set", "string")),
        ({"carrier": "United"}, ("carrier", "expect_column_values_to_match_regex", "string")),
        ({"event_id": ""}, ("event_id", "expect_column_value_lengths_to_be_between", "string")),
        ({"colour": []}, ("colour", "schema", "array")),
        ({"scheduled_at": NOW_MS + 86_400_001}, ("scheduled_at", "event_time_ahead", "integer")),
        ({"scheduled_at": "1899-12-31T23:00:00Z"}, ("scheduled_at", "expect_column_values_to_be_between", "string")),
    ],
)
def test_an_error_names_the_field_the_rule_and_the_values_type(
    change: dict[str, Any], error: tuple[str, str, str]
) -> None:
    assert error in errors_of(RIGHT | change)


def test_what_is_left_out_is_absent() -> None:
    instance = {name: value for name, value in RIGHT.items() if name != "carrier"}
    assert errors_of(instance) == [("carrier", "expect_column_values_to_not_be_null", "absent")]


def test_values_are_normalised_before_they_are_checked_as_on_the_stream() -> None:
    answered = flights().predict([RIGHT | {"carrier": " ua "}])
    assert answered.records.texts("carrier") == ["UA"]


def test_a_warning_is_counted_and_no_reason_to_refuse() -> None:
    noted: list[Noted] = []
    spec = SPECS[MODEL]
    mild = replace(
        spec,
        expectations=tuple(replace(e, severity="warning") for e in spec.expectations if not (e.over or e.within)),
    )
    rules = RecordRules(mild, ROUTE.record, on_noted=noted.append)
    assert rules.datum(RIGHT | {"distance": -3}, 0, "e", NOW_MS)[1] == []
    assert [(note.name, note.severity, note.rows) for note in noted] == [
        ("expect_column_values_to_be_between", "warning", 1)
    ]


def test_personal_values_are_hidden_before_anything_keeps_them() -> None:
    spec = replace(SPECS[MODEL], privacy={"tail_number": PrivacyRule("hash"), "dest": PrivacyRule("drop")})
    rules = RecordRules(spec, ROUTE.record, privacy_key=b"0123456789abcdef")
    instance = RIGHT | {"tail_number": "N14228"}
    datum, errors = rules.datum(instance, 0, "e", NOW_MS)
    assert errors == []
    assert datum["tail_number"] == "N14228", "the key before hiding says where labels go"
    datum = rules.hide_row(datum)
    assert datum["dest"] is None
    assert len(datum["tail_number"]) == 32
    columns = {"event_id": ["e"], **{name: [value] for name, value in instance.items()}}
    from tidemill_inference.rest.arrow_cast import as_record

    record = as_record(pa.record_batch(columns), flights().columns, ROUTE.record, {})
    rows = rules.hide_columns(rules.columns(record, NOW_MS)).to_pylist()
    assert (rows[0]["tail_number"], rows[0]["dest"]) == (datum["tail_number"], None)


VALUES = st.fixed_dictionaries(
    {
        "carrier": st.sampled_from(["UA", " aa", "x", "", None, "9E"]),
        "dest": st.sampled_from(["IAH", None, ""]),
        "distance": st.one_of(st.none(), st.floats(-10, 7_000), st.sampled_from([0.0, 6_000.0, 6_000.1, 1e38, 3.5e38])),
        "origin": st.sampled_from(["EWR", "JFK", "BOS", None]),
        "event_id": st.sampled_from(["e", "", "x" * 256, "x" * 257]),
        "scheduled_at": st.integers(NOW_MS - 10, NOW_MS + 10).flatmap(
            lambda t: st.sampled_from([t, t + 86_400_000, t + 10**10, -2_208_988_800_000 - 1, -2_208_988_800_000])
        ),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_rows_and_columns_are_judged_alike(rows: list[dict[str, Any]]) -> None:
    """Of rows of the right types: the same errors, or the same records."""
    one = flights()
    types = {"distance": pa.float64(), "scheduled_at": pa.timestamp("ms", tz="UTC")}
    columns = pa.record_batch(
        {name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in rows[0]}
    )
    found: list[Any] = []
    for ask in (lambda: one.prepare(rows), lambda: one.prepare_columns(columns)):
        try:
            found.append(ask().records)
        except InvalidInstances as error:
            found.append(sorted((e.index, e.field, e.rule, e.reason) for e in error.errors))
    if isinstance(found[0], list):
        assert found[0] == found[1]
    else:
        for name in ("carrier", "dest", "distance", "origin", "event_id"):
            assert found[0].texts(name) == found[1].texts(name)
        assert found[0].times("scheduled_at").equals(found[1].times("scheduled_at"))


COLUMNS = {"carrier": ["UA"], "dest": ["IAH"], "distance": [719.0]}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("distance", pa.array([719], pa.int16())),
        ("distance", pa.array([719.0], pa.float32())),
        ("carrier", pa.array(["UA"], pa.large_string())),
        ("carrier", pa.array(["UA"]).dictionary_encode()),
        ("flight", pa.array([3.0])),
        ("humidity", pa.nulls(1)),
        ("scheduled_at", pa.array([NOW_MS], pa.int64())),
        ("scheduled_at", pa.array([datetime(2020, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="America/New_York"))),
        ("event_id", pa.nulls(1, pa.string())),
    ],
)
def test_columns_may_be_of_any_type_that_holds_the_values(name: str, column: pa.Array) -> None:
    assert len(flights().predict_columns(pa.record_batch(COLUMNS | {name: column}))) == 1


@pytest.mark.parametrize(
    ("name", "column", "kind"),
    [
        ("distance", pa.array(["719"]), "string"),
        ("distance", pa.array([True]), "bool"),
        ("flight", pa.array([3.5]), "double"),
        ("flight", pa.array([2**40]), "int64"),
        ("carrier", pa.array([1.0]), "double"),
        ("scheduled_at", pa.array([datetime(2020, 1, 1)], pa.timestamp("ms")), "timestamp[ms]"),
        ("colour", pa.array(["red"]), "string"),
    ],
)
def test_a_column_of_another_type_is_named_with_its_type(name: str, column: pa.Array, kind: str) -> None:
    with pytest.raises(InvalidInstances) as caught:
        flights().predict_columns(pa.record_batch(COLUMNS | {name: column}))
    (error,) = caught.value.errors
    assert (error.field, error.rule, error.type) == (name, "schema", kind)


def test_a_column_that_is_needed_and_missing_is_absent() -> None:
    with pytest.raises(InvalidInstances) as caught:
        flights().predict_columns(pa.record_batch({"carrier": ["UA"], "distance": [1.0]}))
    assert [(e.field, e.rule) for e in caught.value.errors] == [("dest", "expect_column_values_to_not_be_null")]


def test_an_error_is_a_value() -> None:
    assert InstanceError(0, "a", "b") == InstanceError(0, "a", "b")
