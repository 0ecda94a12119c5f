"""The JSON Schema of the model file, for editors' completion; `schemas/model-file.schema.json` is this,
written down.

The file is checked by `load_model`, which knows more (positions, the record, what is not built yet). A
test holds both to one another. To write it again: `python -m tidemill.contracts.model_file.json_schema >
schemas/model-file.schema.json`.
"""

from __future__ import annotations

import json
from typing import Any

from tidemill.contracts.model_file import vocabulary as words
from tidemill.contracts.model_file.load import MODEL_NAME, OPTIONAL, REQUIRED

_NUMBER_TEXT = "^[0-9](_?[0-9])*$"
_DURATION = {
    "type": "string",
    "pattern": r"^\s*[0-9](_?[0-9])*(\.[0-9]+)?\s*(ms|s|m|h|d|w)\s*$",
    "description": "A duration: a number and one of ms, s, m, h, d, w, such as 12h.",
}
_RATE = {
    "type": "string",
    "pattern": r"^\s*[0-9](_?[0-9])* (a|an|per) (minute|hour|day|week)\s*$",
    "description": "A rate, such as 3 a day.",
}
_TEXT = {"type": "string", "minLength": 1}
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
        "event_time": {**_TEXT, "description": "The field with the time of the event, a timestamp-millis."},
        "source": {**_source(), "description": "Where the events are already on a topic of your own."},
        "target": _target(),
        "features": {"type": "object", "minProperties": 1, "additionalProperties": _feature()},
        "expectations": {
            "type": "array",
            "items": {"oneOf": [_expectation(name) for name in words.EXPECTATIONS]},
        },
        "training": _training(),
        "release": _object({"mode": {"enum": list(words.MODES)}}),
        "drift": _object({"window": {"anyOf": [_count(1), _DURATION]}, "watch": _some(words.WATCH)}),
        "retrain": _object(
            {"on": _some(words.RETRAIN_ON), "cooldown": _DURATION, "at_most": _RATE, "every": _DURATION}
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


def _target() -> dict[str, Any]:
    return _object(
        {
            "label": _TEXT,
            "task": {"enum": list(words.TASKS)},
            "delay": {**_DURATION, "description": "How late labels usually are; training leaves such a gap."},
            "expires": {**_DURATION, "description": "A prediction without a label by then stays without."},
            "source": {**_source(labels=True), "description": "Where the labels are already on a topic of your own."},
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
    lengths = name == "expect_column_value_lengths_to_be_between"
    bound: dict[str, Any] = _count(0) if lengths else {"type": ["number", "string"]}
    arguments: dict[str, Any] = {
        "min_value": bound,
        "max_value": bound,
        "strict_min": {"type": "boolean"},
        "strict_max": {"type": "boolean"},
        "value_set": {"type": "array", "minItems": 1, "items": _SCALAR},
        "regex": {"type": "string", "format": "regex", "minLength": 1},
        "within": _DURATION,
    }
    taken = words.EXPECTATIONS[name]
    needed = tuple(argument for argument in taken if argument in ("value_set", "regex", "within"))
    severities = ("critical",) if "within" in taken else words.SEVERITIES
    body = _object(
        {
            "column": _TEXT,
            **{argument: arguments[argument] for argument in taken},
            "severity": {"enum": [*severities]},
        },
        ("column", *needed),
    )
    if "min_value" in taken:
        body["anyOf"] = [{"required": ["min_value"]}, {"required": ["max_value"]}]
    return _object({name: body}, (name,))


def _training() -> dict[str, Any]:
    metrics = sorted({metric for known in words.METRICS.values() for metric in known})
    return _object(
        {
            "first_after": {**_count(1), "description": "Labelled rows before the first version."},
            "newest": {**_count(1), "description": "Learn from at most so many of the newest labelled rows."},
            "split": {"type": "array", "items": _count(1), "minItems": 3, "maxItems": 3},
            "candidates": _some(words.CANDIDATES),
            "budget": {**_DURATION, "description": "How long a search may take, by the clock on the wall."},
            "metric": {"enum": metrics},
            "gate": _object({"at_least": {"type": "number"}, "better_by": {"type": "number"}}),
        }
    )


if __name__ == "__main__":
    print(json.dumps(model_file_schema(), indent=2))
