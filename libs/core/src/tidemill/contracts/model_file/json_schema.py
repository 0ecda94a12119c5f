"""The JSON Schema of the model file, for editors' completion; `schemas/model-file.schema.json` is this,
written down.

The file is checked by `load_model`, which knows more (positions, the record, what is not built yet). A
test holds both to one another. To write it again: `python -m tidemill.contracts.model_file.json_schema >
schemas/model-file.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tidemill.contracts.model_file.vocabulary as words
from tidemill.contracts.model_file.expectations import BETWEEN, WHOLE_NUMBERS
from tidemill.contracts.model_file.fields import KEPT_BY_MASK, PLAIN_STEPS, PRIVACY
from tidemill.contracts.model_file.keys.defaults import default_values
from tidemill.contracts.model_file.keys.notes import NOTES
from tidemill.contracts.model_file.load import OPTIONAL, REQUIRED
from tidemill.contracts.model_file.units import UNITS
from tidemill.contracts.model_name import MODEL_NAME

_NUMBER_TEXT = "^[0-9](_?[0-9])*$"
_DURATION = {
    "type": "string",
    "pattern": r"^\s*[0-9](_?[0-9])*(\.[0-9]+)?\s*(ms|s|m|h|d|w)\s*$",
}
_RATE = {
    "type": "string",
    "pattern": r"^\s*[0-9](_?[0-9])* ((a|an|per) (minute|hour|day|week)|in [0-9](_?[0-9])*)\s*$",
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
        "schema": {"type": "string", "pattern": r"^[^/]+\.avsc$"},
        "entity": _TEXT,
        "event_id": _TEXT,
        "unique": {"enum": ["on", "off", True, False]},
        "event_time": _TEXT,
        "source": _source(),
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
                "on": _some(words.RETRAIN_ON),
                "cooldown": _DURATION,
                "at_most": _RATE,
                "mixtures": _mixtures(),
                "every": _DURATION,
            }
        ),
        "retention": _object({"rows": _DURATION}, ("rows",)),
    }
    missing = set(properties) ^ {*REQUIRED, *OPTIONAL}
    if missing:
        raise AssertionError(f"keys that only one of loader and JSON Schema knows: {sorted(missing)}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidemill model file",
        **_told(_object(properties, REQUIRED), "", default_values()),
    }


def _told(shape: dict[str, Any], prefix: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A section with what each of its keys means, its default and an example."""
    keys = {}
    for name, key in shape["properties"].items():
        path = prefix + name
        description, example = NOTES[path]
        inner = _told(key, f"{path}.", defaults) if "properties" in key else key
        default = {"default": defaults[path]} if path in defaults else {}
        keys[name] = {**inner, "description": description, **default, "examples": [example]}
    return {**shape, "properties": keys}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**shape, "required": list(required)} if required else shape


def _count(least: int) -> dict[str, Any]:
    """A whole number; with underscores it is text for a YAML 1.2 editor."""
    return {"anyOf": [{"type": "integer", "minimum": least}, {"type": "string", "pattern": _NUMBER_TEXT}]}


def _some(options: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(options)}}


def _mixtures() -> dict[str, Any]:
    count = {"type": "string", "pattern": r"^\s*[0-9](_?[0-9])* in [0-9](_?[0-9])*\s*$"}
    return {"anyOf": [{"enum": ["off", False]}, count]}


def _target() -> dict[str, Any]:
    costs = ("false_positive", "false_negative")
    return _object(
        {
            "label": _TEXT,
            "task": {"enum": list(words.TASKS)},
            "delay": _DURATION,
            "expires": _DURATION,
            "source": _source(labels=True),
            "cost": _object(dict.fromkeys(costs, _ABOVE_ZERO), costs),
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
        "topic": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,249}$"},
        "format": {"enum": list(words.FORMATS)},
        "event_id": _TEXT,
        "event_time": place,
        "key": _TEXT,
        "fields": fields,
        "schema": _TEXT,
        "message": _TEXT,
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
            "severity": {"enum": [*severities], "default": "warning" if by_window else "critical"},
            **({"mostly": _SHARE} if name in words.ROW_EXPECTATIONS else {}),
            **({"over": {**_DURATION, "default": "1d"}} if by_window or name in words.ROW_EXPECTATIONS else {}),
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
    return {"type": "object", "additionalProperties": steps}


def _privacy() -> dict[str, Any]:
    rule = {
        "oneOf": [
            {"enum": list(PRIVACY)},
            _object({"mask": _object({"keep_last": {**_count(0), "default": KEPT_BY_MASK}})}, ("mask",)),
        ]
    }
    return {"type": "object", "additionalProperties": rule}


def _training() -> dict[str, Any]:
    metrics = sorted({metric for known in words.METRICS.values() for metric in known})
    weight = {"type": "number", "minimum": words.LEAST_WEIGHT, "maximum": words.LARGEST_WEIGHT}
    weights = {"type": "object", "minProperties": 1, "additionalProperties": weight}
    return _object(
        {
            "first_after": _count(1),
            "newest": _count(1),
            "split": {"type": "array", "items": _count(1), "minItems": 3, "maxItems": 3},
            "candidates": _some(words.CANDIDATES),
            "budget": _DURATION,
            "metric": {"enum": metrics},
            "gate": _object({"at_least": {"type": "number"}, "better_by": {"type": "number"}}),
            "class_weights": {"anyOf": [{"enum": [words.BALANCED]}, weights]},
        }
    )


def _release() -> dict[str, Any]:
    return _object(
        {
            "mode": {"enum": list(words.MODES)},
            "stages": {"type": "array", "minItems": 1, "items": _PERCENT},
            "hold": _DURATION,
            "approval": {"type": "boolean"},
            "labels": _count(0),
            "limits": _object({"errors": _PERCENT, "p95": _DURATION, "shift": _PERCENT}),
        }
    )


if __name__ == "__main__":
    print(json.dumps(model_file_schema(), indent=2))
