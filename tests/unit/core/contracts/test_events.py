"""The frozen types are the schemas: names, order, types, nullability, defaults, nesting, field by field."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.contracts.events import controls, platform, profiles, trials
from tidemill.contracts.events.datum import Datum, Millis
from tidemill.contracts.schemas.catalog import read_schema

SCHEMAS = Path(__file__).parents[4] / "schemas"
TOP_LEVEL: dict[str, type[Datum]] = {
    "model-version": platform.ModelVersion,
    "model-release": platform.ModelRelease,
    "retrain-request": platform.RetrainRequest,
    "retrain-run": platform.RetrainRun,
    "release-command": platform.ReleaseCommand,
    "arm-report": trials.ArmReport,
    "drift-event": platform.DriftEvent,
    "model-performance": platform.ModelPerformance,
    "quality-report": platform.QualityReport,
    "validator-control": controls.ValidatorControl,
    "profile": profiles.Profile,
}
IN_COLUMNS = {f"{kind}-{task}" for kind in ("label", "prediction") for task in ("binary", "multiclass", "regression")}


def shape_of_schema(avro: Any, named: dict[str, Any]) -> Any:
    """An Avro type as nested tuples, without documentation; references by name are followed."""
    if isinstance(avro, list):
        assert len(avro) == 2 and avro[0] == "null", "the platform's unions are null and one type"
        return ("nullable", shape_of_schema(avro[1], named))
    if isinstance(avro, str):
        primitive = {"string": "str", "int": "int", "long": "int", "double": "float", "boolean": "bool"}
        return primitive[avro] if avro in primitive else named[avro]
    if "logicalType" in avro:
        return avro["logicalType"]
    if avro["type"] == "array":
        return ("array", shape_of_schema(avro["items"], named))
    if avro["type"] == "map":
        return ("map", shape_of_schema(avro["values"], named))
    if avro["type"] == "enum":
        named[avro["name"]] = ("enum", tuple(avro["symbols"]))
        return named[avro["name"]]
    short = avro["name"].rpartition(".")[2]
    fields = [(f["name"], shape_of_schema(f["type"], named), "default" in f) for f in avro["fields"]]
    named[avro["name"]] = ("record", short, tuple(fields))
    return named[avro["name"]]


def shape_of_type(hint: Any) -> Any:
    """The same of a Python type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint == Millis:
        return "timestamp-millis"
    if origin in (types.UnionType, Union):
        assert arguments[1] is type(None)
        return ("nullable", shape_of_type(arguments[0]))
    if origin is Literal:
        return ("enum", arguments)
    if origin is tuple:
        assert arguments[1] is ...
        return ("array", shape_of_type(arguments[0]))
    if origin is Mapping:
        assert arguments[0] is str
        return ("map", shape_of_type(arguments[1]))
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        fields = dataclasses.fields(hint)
        shape = [(f.name, shape_of_type(hints[f.name]), has_default(f)) for f in fields]
        return ("record", hint.__name__, tuple(shape))  # type: ignore[union-attr]
    return hint.__name__


def has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def values(shape: Any) -> st.SearchStrategy[Any]:
    """Data of a shape, as an Avro library gives them."""
    simple = {
        "str": st.text(max_size=5),
        "int": st.integers(0, 2**31 - 1),
        "bool": st.booleans(),
        "float": st.floats(allow_nan=False),
        "timestamp-millis": st.integers(0, 2**41),
    }
    if isinstance(shape, str):
        return simple[shape]
    if shape[0] == "nullable":
        return st.none() | values(shape[1])
    if shape[0] == "enum":
        return st.sampled_from(shape[1])
    if shape[0] == "array":
        return st.lists(values(shape[1]), max_size=2)
    if shape[0] == "map":
        return st.dictionaries(st.text(max_size=3), values(shape[1]), max_size=2)
    return st.fixed_dictionaries({name: values(inner) for name, inner, _ in shape[2]})


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_each_type_equals_its_schema_field_by_field(name: str) -> None:
    assert shape_of_type(TOP_LEVEL[name]) == shape_of_schema(read_schema(SCHEMAS / f"{name}.avsc").parsed, {})


def test_every_platform_schema_has_a_type_or_is_handled_in_columns() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.avsc")} == {*TOP_LEVEL, *IN_COLUMNS}


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_each_type_is_frozen_and_has_slots(name: str) -> None:
    parameters = TOP_LEVEL[name].__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    assert "__slots__" in TOP_LEVEL[name].__dict__


@given(st.data())
def test_a_datum_comes_back_unchanged(data: st.DataObject) -> None:
    cls = data.draw(st.sampled_from(list(TOP_LEVEL.values())))
    datum = data.draw(values(shape_of_type(cls)))
    event = cls.from_dict(datum)
    assert event.to_dict() == datum
    assert cls.from_dict(event.to_dict()) == event


def test_times_may_come_as_datetimes() -> None:
    datum = {
        "command_id": "c", "model": "m", "action": "promote", "version": 3, "by": "a", "reason": "",
        "at": datetime(2026, 1, 1, microsecond=7_000, tzinfo=UTC),
    }  # fmt: skip
    assert platform.ReleaseCommand.from_dict(datum).at == 1767225600007


def test_a_missing_field_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="threshold"):
        platform.Evidence.from_dict({"detector": "d", "kind": "k", "subject": "s", "statistic": 1, "detail": ""})
