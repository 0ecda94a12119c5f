"""Holds a model file against the `.avsc` of its record: the fields that it names exist and have fitting types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidemill.contracts.model_file.errors import ModelFileError
from tidemill.contracts.model_file.expectations import value_kind
from tidemill.contracts.model_file.spec import ExpectationSpec, ModelSpec
from tidemill.contracts.model_file.vocabulary import TYPES
from tidemill.contracts.model_file.yaml.suggestions import nearest
from tidemill.contracts.schemas.avro_types import field_type

if TYPE_CHECKING:
    from tidemill.contracts.schemas.catalog import Schema

TIME: Final = "timestamp-millis"
NUMBERS: Final = ("int", "long", "float", "double", "boolean")
CATEGORIES: Final = ("string", "enum", "boolean", "int", "long")
KIND_TYPES: Final[Mapping[str, Collection[str]]] = {
    "category": CATEGORIES,
    "number": NUMBERS,
    "time": (TIME,),
}
LABEL_TYPES: Final[Mapping[str, Collection[str]]] = {
    "binary": ("boolean",),
    "multiclass": ("string", "enum"),
    "regression": ("double", "float", "int", "long"),
}


AVRO_TYPES: Final[Mapping[str, Collection[str]]] = {
    "text": ("string", "enum"),
    "integer": ("int", "long"),
    "float": ("float", "double"),
    "boolean": ("boolean",),
    "time": (TIME,),
}
ON_TEXT: Final = (
    "expect_column_values_to_match_regex",
    "expect_column_values_to_not_match_regex",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_not_match_regex_list",
    "expect_column_values_to_match_like_pattern",
    "expect_column_values_to_not_match_like_pattern",
    "expect_column_values_to_match_like_pattern_list",
    "expect_column_values_to_not_match_like_pattern_list",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
)
ON_NUMBERS: Final = (
    "expect_column_mean_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
    "expect_column_median_to_be_between",
    "expect_column_quantile_values_to_be_between",
)


def check_against_record(spec: ModelSpec, record: Schema) -> None:
    """Raises ModelFileError, with line and column, of everything that the record does not bear out.

    The event id is a string and the event time a timestamp-millis, neither nullable: without them a record is
    nothing that can be worked with. The entity is a string, perhaps null. A label that stands in the
    record is nullable and has the type of the task; it may be absent from the record, and it is no feature.
    Names that begin with an underscore are kept for the platform's own columns beside the record's.
    """
    found = tuple(mistakes_against_record(spec, record))
    if found:
        raise ModelFileError.of(found)


def mistakes_against_record(spec: ModelSpec, record: Schema) -> Iterator[ModelFileError]:
    """What the record does not bear out, each with its place; what a draft does not know is not held against it."""
    types = {field["name"]: field_type(field["type"]) for field in record.fields}
    for name in types:
        if name.startswith("_"):
            yield _error(spec, "schema", f"field {name!r}: names that begin with _ are the platform's own")
    wrong_id = list(_need(spec, types, "event_id", spec.event_id, ("string",), nullable=False))
    wrong_time = list(_need(spec, types, "event_time", spec.event_time, (TIME,), nullable=False))
    fitting = LABEL_TYPES.get(spec.target.task)
    label = spec.target.label
    wrong_label = list(_need(spec, types, "target.label", label, fitting, nullable=True)) if label in types else []
    yield from (*wrong_id, *wrong_time, *wrong_label)
    yield from _need(spec, types, "entity", spec.entity, ("string",), nullable=None)
    event_id, event_time = "" if wrong_id else spec.event_id, "" if wrong_time else spec.event_time
    label = "" if wrong_label else label  # what is named wrongly there is not held against other places
    for feature in spec.features:
        place = f"features.{feature.name}"
        if feature.name in (label, event_id):
            yield _error(spec, place, f"{feature.name!r} is the label or the event id: a model must not learn from it")
        else:
            yield from _need(spec, types, place, feature.name, KIND_TYPES.get(feature.kind), nullable=None)
    for name in spec.events.fields if spec.events else ():
        if name not in types:
            said = f"{spec.schema_file} has no field {name!r}"
            yield _error(spec, f"source.fields.{name}", said, nearest(name, types))
    for i, expectation in enumerate(spec.expectations):
        yield from _check_expectation(spec, types, f"expectations[{i}].column", expectation)
    yield from _check_fields(spec, types, {event_id, event_time, label})


def _need(
    spec: ModelSpec, types: Mapping[str, tuple[str, bool]], place: str, name: str,
    fitting: Collection[str] | None, nullable: bool | None,
) -> Iterator[ModelFileError]:  # fmt: skip
    if not name:
        return
    if name not in types:
        said = f"{spec.schema_file} has no field {name!r}"
        yield _error(spec, place, said, _named_otherwise(place, name, types) or nearest(name, types))
        return
    kind, may_be_null = types[name]
    if fitting is not None and kind not in fitting:
        yield _error(spec, place, f"{name!r} is {kind} in {spec.schema_file}: here it must be {' or '.join(fitting)}")
    elif nullable is not None and nullable != may_be_null:
        yield _error(spec, place, f"{name!r} must {'' if nullable else 'not '}be nullable in {spec.schema_file}")


def _named_otherwise(place: str, name: str, types: Mapping[str, tuple[str, bool]]) -> str:
    """Which key is missing where the file has a default that its record does not know by that name."""
    if place != "event_id":
        return ""
    ids = [field for field, (kind, nullable) in types.items() if kind == "string" and not nullable]
    if not ids:
        return "it needs one: a string that is not null and names the event"
    likely = next((field for field in ids if field == "id" or field.endswith(("_id", "Id"))), ids[0])
    return (
        f"if another field names the event, add `event_id: {likely}` (strings that are not null: {', '.join(ids[:8])})"
    )


def _check_expectation(
    spec: ModelSpec, types: Mapping[str, tuple[str, bool]], place: str, expectation: ExpectationSpec
) -> Iterator[ModelFileError]:
    fitting = _fitting(expectation.name, expectation.kwargs) if expectation.name else None
    found = [error for column in expectation.columns for error in _need(spec, types, place, column, fitting, None)]
    yield from found
    if "_pair_" in expectation.name and not found:
        kinds = {_comparable(types[column][0]) for column in expectation.columns}
        if len(kinds) > 1:
            yield _error(spec, place, f"{' and '.join(expectation.columns)} cannot be compared: {' and '.join(kinds)}")


def _fitting(name: str, arguments: Mapping[str, Any]) -> Collection[str]:
    texts, numbers = ("string", "enum"), NUMBERS[:-1]
    anything = (*CATEGORIES, *NUMBERS, TIME)
    if name == "expect_column_values_to_be_between":
        bound = arguments.get("min_value", arguments.get("max_value"))
        return (TIME,) if isinstance(bound, str) else numbers
    if name in ("expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"):
        kinds = {"text": texts, "boolean": ("boolean",), "number": numbers}
        return kinds[value_kind(arguments["value_set"][0])]
    if name in ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"):
        wanted = arguments.get("type_list") or (arguments["type_"],)
        return [t for kind, names in TYPES.items() if set(names) & set(wanted) for t in AVRO_TYPES[kind]]
    if name in ON_TEXT:
        return texts
    return numbers if name in ON_NUMBERS else anything


def _comparable(avro: str) -> str:
    """Which kind of value two columns must both have to be compared."""
    kinds = [kind for kind, types in AVRO_TYPES.items() if avro in types]
    return "number" if kinds[0] in ("integer", "float") else kinds[0]


def _check_fields(
    spec: ModelSpec, types: Mapping[str, tuple[str, bool]], identity: Collection[str]
) -> Iterator[ModelFileError]:
    """`normalise` and `privacy`: not on what the platform joins by, nor privacy on what a model learns from."""
    for section, names in (("normalise", spec.normalise), ("privacy", spec.privacy)):
        for name in names:
            place = f"{section}.{name}"
            if name in identity:
                yield _error(spec, place, f"{name!r} identifies the event or is its label: it stays as it is")
            elif section == "normalise":
                yield from _check_steps(spec, types, place, name)
            else:
                yield from _check_privacy(spec, types, place, name)


def _check_steps(
    spec: ModelSpec, types: Mapping[str, tuple[str, bool]], place: str, name: str
) -> Iterator[ModelFileError]:
    steps = spec.normalise[name]
    texts = any(step.kind != "linear" for step in steps)
    numbers = any(step.kind == "linear" for step in steps)
    fitting = ("string",) if texts else ("double", "float")
    found = list(_need(spec, types, place, name, fitting if texts != numbers else None, nullable=None))
    yield from found
    if texts and numbers:
        yield _error(spec, place, f"the steps of {name!r} are for text and for numbers")
    gives_null = any(None in (*dict(s.mapping).values(), *((s.other,) if s.closed else ())) for s in steps)
    if not found and gives_null and not types[name][1]:
        yield _error(spec, place, f"{name!r} admits no null, and `map` gives null")


def _check_privacy(
    spec: ModelSpec, types: Mapping[str, tuple[str, bool]], place: str, name: str
) -> Iterator[ModelFileError]:
    rule = spec.privacy[name]
    if any(feature.name == name for feature in spec.features):
        said = f"{name!r} is a feature: a prediction by REST would see what training does not"
        yield _error(spec, place, said)
        return
    fitting = {"": None, "drop": (*CATEGORIES, *NUMBERS, TIME, "bytes")}.get(rule.kind, ("string",))
    found = list(_need(spec, types, place, name, fitting, nullable=None))
    yield from found
    if not found and rule.kind and types[name] == ("enum", False):
        yield _error(spec, place, f"{name!r} is an enum that admits no null: it cannot be dropped")
    unique = any(stated.within and name in stated.columns for stated in spec.expectations)
    if rule.kind in ("drop", "mask") and unique:
        said = f"{name!r} must be unique, and clean would not hold it: say hash, by which repeats are still found"
        yield _error(spec, place, said)


def _error(spec: ModelSpec, place: str, message: str, suggestion: str = "") -> ModelFileError:
    source = spec.source
    line, column = source.positions.get(place, (1, 1)) if source else (1, 1)
    return ModelFileError(source.file if source else Path(spec.name), line, column, message, suggestion)
