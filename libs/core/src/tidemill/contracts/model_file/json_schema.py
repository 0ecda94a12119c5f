"""The JSON Schema of the model file, for editors' completion; `schemas/model-file.schema.json` is this,
written down.

The file is checked by `load_model`, which knows more (positions, the record, what is not built yet). A
test holds both to one another. To write it again: `python -m tidemill.contracts.model_file.json_schema >
schemas/model-file.schema.json`.
"""

from __future__ import annotations

import json
from typing import Any

import tidemill.contracts.model_file.vocabulary as words
from tidemill.contracts.model_file.expectations import BETWEEN, WHOLE_NUMBERS
from tidemill.contracts.model_file.fields import PLAIN_STEPS, PRIVACY
from tidemill.contracts.model_file.load import MODEL_NAME, OPTIONAL, REQUIRED
from tidemill.contracts.model_file.units import UNITS

_NUMBER_TEXT = "^[0-9](_?[0-9])*$"
_DURATION = {
    "type": "string",
    "pattern": r"^\s*[0-9](_?[0-9])*(\.[0-9]+)?\s*(ms|s|m|h|d|w)\s*$",
    "description": "A duration: a number and one of ms, s, m, h, d, w, such as 12h.",
}
_RATE = {
    "type": "string",
    "pattern": r"^\s*[0-9](_?[0-9])* ((a|an|per) (minute|hour|day|week)|in [0-9](_?[0-9])*)\s*$",
    "description": "A rate, such as 3 a day, or fits in labelled rows, such as 15 in 40_000 (the default).",
}
_PERCENT = {"type": "string", "pattern": r"^\s*[0-9](_?[0-9])*(\.[0-9]+)?\s*%\s*$"}
_TEXT = {"type": "string", "minLength": 1}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_ABOVE_ZERO = {"type": "number", "exclusiveMinimum": 0}
_SCALAR = {"type": ["string", "number", "boolean"]}


def model_file_schema() -> dict[str, Any]:
    """The schema as a JSON document (draft 2020-12)."""
    properties: dict[str, Any] = {
        "model": {"type": "string", "pattern": f"^(?:{MODEL_NAME.pattern})$"},
        "description": _TEXT,
        "owner": _TEXT,
        "schema": {
            "type": "string",
            "pattern": r"^[^/]+\.avsc$",
            "description": "A file in schemas/models/.",
        },
        "entity": {**_TEXT, "description": "The field that is the record key: order is kept for each."},
        "event_id": {**_TEXT, "description": "The field that tells a repeat: the idempotency key."},
        "unique": {
            "enum": ["on", "off", True, False],
            "description": "Whether an event id that comes again within a year is set aside (on); by an expectation"
            " `expect_column_values_to_be_unique` of the event id, within a span of your own.",
        },
        "event_time": {**_TEXT, "description": "The field with the time of the event, a timestamp-millis."},
        "source": {**_source(), "description": "Where the events are already on a topic of your own."},
        "target": _target(),
        "features": {"type": "object", "minProperties": 1, "additionalProperties": _feature()},
        "expectations": {
            "type": "array",
            "items": {"oneOf": [_expectation(name) for name in words.EXPECTATIONS]},
        },
        "normalise": _normalise(),
        "privacy": _privacy(),
        "training": _training(),
        "release": _release(),
        "drift": _object({"window": {"anyOf": [_count(1), _DURATION]}, "watch": _some(words.WATCH)}),
        "retrain": _object(
            {
                "on": _retrain_on(),
                "cooldown": _DURATION,
                "at_most": _RATE,
                "mixtures": _mixtures(),
                "every": _DURATION,
            }
        ),
    }
    missing = set(properties) ^ {*REQUIRED, *OPTIONAL}
    if missing:
        raise AssertionError(f"keys that only one of loader and JSON Schema knows: {sorted(missing)}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidemill model file",
        **_object(properties, REQUIRED),
    }


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**shape, "required": list(required)} if required else shape


def _count(least: int) -> dict[str, Any]:
    """A whole number; with underscores it is text for a YAML 1.2 editor."""
    return {"anyOf": [{"type": "integer", "minimum": least}, {"type": "string", "pattern": _NUMBER_TEXT}]}


def _some(options: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(options)}}


def _retrain_on() -> dict[str, Any]:
    said = "Without quality no fits follow a change of answers or the growth of the data; the first version is made."
    return {**_some(words.RETRAIN_ON), "description": said}


def _mixtures() -> dict[str, Any]:
    said = (
        "So many times in labelled rows, up to three versions together take over as one, weighted by how well they "
        "answer lately, such as 40 in 40_000; off (the default): each version answers alone."
    )
    count = {"type": "string", "pattern": r"^\s*[0-9](_?[0-9])* in [0-9](_?[0-9])*\s*$"}
    return {"anyOf": [{"enum": ["off", False]}, count], "description": said}


def _target() -> dict[str, Any]:
    costs = ("false_positive", "false_negative")
    return _object(
        {
            "label": _TEXT,
            "task": {"enum": list(words.TASKS)},
            "delay": {**_DURATION, "description": "How late labels usually are; training leaves such a gap."},
            "expires": {**_DURATION, "description": "A prediction without a label by then stays without."},
            "source": {**_source(labels=True), "description": "Where the labels are already on a topic of your own."},
            "cost": {
                **_object(dict.fromkeys(costs, _ABOVE_ZERO), costs),
                "description": "What a wrong decision of a binary model costs: it decides where that is least.",
            },
        },
        ("label", "task"),
    )


def _source(labels: bool = False) -> dict[str, Any]:
    path = {"type": "string", "pattern": r"^[^.]+(\.[^.]+)*$"}
    place = {"anyOf": [path, _object({"path": path, "unit": {"enum": list(words.UNITS)}}, ("path",))]}
    fields: dict[str, Any] = {"type": "object", "additionalProperties": place}
    if labels:
        fields = _object(dict.fromkeys(words.LABEL_FIELDS, place))
    properties = {
        "topic": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,249}$", "description": "Its full name."},
        "format": {"enum": list(words.FORMATS)},
        "event_id": {**_TEXT, "description": "A field, header:NAME, or coordinates (topic-partition-offset)."},
        "event_time": {**place, "description": "A field, or record: the time of the Kafka record."},
        "key": {**_TEXT, "description": "Where the entity stands: a field, header:NAME, or record (its key)."},
        "fields": {**fields, "description": "Fields of the record whose place in the source has another name."},
        "schema": {**_TEXT, "description": "The producers' schema in schemas/models/, where no registry has it."},
        "message": {**_TEXT, "description": "The Protobuf message in that file."},
    }
    if labels:
        del properties["key"]
    return _object(properties, ("topic", "format"))


def _feature() -> dict[str, Any]:
    number = _object({"missing": {"enum": list(words.MISSING)}})
    return {
        "oneOf": [
            {"enum": ["category", "number"]},
            _object({"category": _object({})}, ("category",)),
            _object({"number": number}, ("number",)),
            _object({"time": _some(words.PARTS), "zone": _TEXT}, ("time", "zone")),
        ]
    }


def _expectation(name: str) -> dict[str, Any]:
    taken = words.EXPECTATIONS[name]
    by_window = name in words.WINDOW_EXPECTATIONS
    severities = ("critical",) if "within" in taken else words.SEVERITIES
    body = _object(
        {
            **{argument: _argument(name, argument) for argument in taken},
            "severity": {"enum": [*severities]},
            **({"mostly": _SHARE} if name in words.ROW_EXPECTATIONS else {}),
            **({"over": _DURATION} if by_window or name in words.ROW_EXPECTATIONS else {}),
        },
        tuple(argument for argument in taken if argument not in words.OPTIONAL_ARGUMENTS),
    )
    if "min_value" in taken:
        body["anyOf"] = [{"required": ["min_value"]}, {"required": ["max_value"]}]
    return _object({name: body}, (name,))


def _argument(name: str, argument: str) -> dict[str, Any]:
    bound: dict[str, Any] = {"type": "number"}
    if name in WHOLE_NUMBERS:
        bound = _count(0)
    elif name == BETWEEN:
        bound = {"type": ["number", "string"]}
    type_names = {"enum": [known for names in words.TYPES.values() for known in names]}
    numbers = {"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}}
    quantiles = {"quantiles": numbers, "value_ranges": {"type": "array", "minItems": 1, "items": numbers}}
    arguments: dict[str, dict[str, Any]] = {
        "min_value": bound,
        "max_value": bound,
        **{name: {"type": "boolean"} for name in ("strict_min", "strict_max", "or_equal", "exact_match")},
        "value": _count(0),
        "value_set": {"type": "array", "minItems": 1, "items": _SCALAR},
        "regex": {"type": "string", "format": "regex", "minLength": 1},
        "regex_list": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "regex"}},
        "like_pattern_list": {"type": "array", "minItems": 1, "items": _TEXT},
        "match_on": {"enum": list(words.MATCH_ON)},
        "type_": type_names,
        "type_list": {"type": "array", "minItems": 1, "items": type_names},
        "column_list": {"type": "array", "minItems": 2, "uniqueItems": True, "items": _TEXT},
        "column_set": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _TEXT},
        "ignore_row_if": {"enum": list(words.IGNORE_PAIR if "pair" in name else words.IGNORE_LIST)},
        "quantile_ranges": _object(quantiles, tuple(quantiles)),
        "max_age": _DURATION,
        "within": _DURATION,
    }
    return arguments.get(argument, _TEXT)


def _normalise() -> dict[str, Any]:
    category = {"type": ["string", "null"]}
    units = {"enum": list(UNITS)}
    step = {
        "oneOf": [
            {"enum": list(PLAIN_STEPS)},
            _object({"unit": _object({"from": units, "to": units}, ("from", "to"))}, ("unit",)),
            _object({"multiply": {"type": "number"}}, ("multiply",)),
            _object({"offset": {"type": "number"}}, ("offset",)),
            _object(
                {
                    "map": {"type": "object", "minProperties": 1, "additionalProperties": category},
                    "other": category,
                },
                ("map",),
            ),
        ]
    }
    steps = {"oneOf": [step, {"type": "array", "minItems": 1, "items": step}]}
    return {"type": "object", "additionalProperties": steps, "description": "What is done to fields before checks."}


def _privacy() -> dict[str, Any]:
    rule = {"oneOf": [{"enum": list(PRIVACY)}, _object({"mask": _object({"keep_last": _count(0)})}, ("mask",))]}
    return {"type": "object", "additionalProperties": rule, "description": "What becomes of personal fields in clean."}


def _training() -> dict[str, Any]:
    metrics = sorted({metric for known in words.METRICS.values() for metric in known})
    weight = {"type": "number", "minimum": words.LEAST_WEIGHT, "maximum": words.LARGEST_WEIGHT}
    weights = {"type": "object", "minProperties": 1, "additionalProperties": weight}
    return _object(
        {
            "first_after": {**_count(1), "description": "Labelled rows before the first version."},
            "newest": {**_count(1), "description": "Learn from at most so many of the newest labelled rows."},
            "split": {"type": "array", "items": _count(1), "minItems": 3, "maxItems": 3},
            "candidates": _some(words.CANDIDATES),
            "budget": {**_DURATION, "description": "How long a search may take, in wall-clock time."},
            "metric": {"enum": metrics},
            "gate": _object({"at_least": {"type": "number"}, "better_by": {"type": "number"}}),
            "class_weights": {
                "anyOf": [{"enum": [words.BALANCED]}, weights],
                "description": "How much a row of each class counts when it is learned from.",
            },
        }
    )


def _release() -> dict[str, Any]:
    limits = _object(
        {
            "errors": {**_PERCENT, "description": "Share of records without an answer."},
            "p95": {**_DURATION, "description": "95th percentile of the time of one scoring call."},
            "shift": {**_PERCENT, "description": "Largest distance between the arms' distributions of scores."},
        }
    )
    return _object(
        {
            "mode": {"enum": list(words.MODES), "description": "How a new version takes over."},
            "stages": {"type": "array", "minItems": 1, "items": _PERCENT, "description": "Rising shares."},
            "hold": {**_DURATION, "description": "How long a stage lasts at least, in wall-clock time."},
            "approval": {"type": "boolean", "description": "A person must let the challenger answer."},
            "labels": {**_count(0), "description": "Labels to compare at most before the end."},
            "limits": limits,
        }
    )


if __name__ == "__main__":
    print(json.dumps(model_file_schema(), indent=2))
