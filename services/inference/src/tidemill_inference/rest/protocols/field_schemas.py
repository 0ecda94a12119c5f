"""A model's record as JSON Schema: its types, and of its expectations those that JSON Schema can say.

What is stated is never laxer than what is asked, but for rules that only a description can tell (pairs of fields,
an event time that lies too far ahead). Of a field that is normalised it is the normal form, which may be stricter; of
text it is text, though a whole number is taken as its digits (`docs/values.md`): JSON Schema cannot tell 1 from 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.codec.time_units import MEANT
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.avro_types import branches, is_nullable
from tidemill_expectations import Between, Expectation, InSet, LengthsBetween, MatchRegex, NotInSet, NotNull, Null
from tidemill_inference.rest.dataplane import ModelEndpoint

Schema = dict[str, Any]

LARGEST = {"double": 1.7976931348623157e308, "float": 3.4028234663852886e38}
WHOLE = {"int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
EARLIEST_MS, LATEST_MS = -2_208_988_800_000, 7_258_118_399_999  # the years 1900 to 2199


def instance_schema(endpoint: ModelEndpoint) -> Schema:
    """One instance: an object with the model's fields."""
    spec, record = endpoint.spec, endpoint.record.json
    rules: dict[str, list[Expectation]] = {field["name"]: [] for field in record["fields"]}
    for rule in endpoint.rules.expectations:
        if rule.severity == "critical":
            rules[rule.columns[0]].append(rule)
    properties = {field["name"]: field_schema(field, spec, rules[field["name"]]) for field in record["fields"]}
    required = [
        field["name"]
        for field in record["fields"]
        if field["name"] not in (spec.event_id, spec.event_time)
        and (_needed(field) or any(isinstance(rule, NotNull) for rule in rules[field["name"]]))
    ]
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema


def field_schema(field: Mapping[str, Any], spec: ModelSpec, rules: list[Expectation]) -> Schema:
    """One field of the record."""
    numeric = any(f.name == field["name"] and f.kind == "number" for f in spec.features)
    schema = _typed(field["type"], as_feature=numeric)
    steps = spec.normalise.get(field["name"], ())
    free = any(step.kind in ("map", "linear") for step in steps)
    nullable = is_nullable(field["type"])
    told = [] if free else rules
    for rule in rules if free else ():
        if isinstance(rule, NotNull):
            nullable = False
    for rule in told:
        if isinstance(rule, NotNull):
            nullable = False
        else:
            _tell(schema, rule)
    if nullable:
        schema = _or_null(schema)
    notes = [field.get("doc", "")]
    if steps:
        notes.append(f"Normalised before it is checked: {', '.join(step.kind for step in steps)}.")
    notes += [f"{rule.name}({rule.arguments})" for rule in rules if not isinstance(rule, NotNull) and rule.arguments]
    description = " ".join(note for note in notes if note)
    return {**schema, "description": description} if description else schema


def _tell(schema: Schema, rule: Expectation) -> None:
    """Add what a rule asks, as far as JSON Schema has words for it."""
    if isinstance(rule, Between) and not rule.times and "anyOf" not in schema:
        if rule.min_value is not None:
            _raise(schema, "exclusiveMinimum" if rule.strict_min else "minimum", rule.min_value)
        if rule.max_value is not None:
            _lower(schema, "exclusiveMaximum" if rule.strict_max else "maximum", rule.max_value)
    elif isinstance(rule, InSet):
        schema["enum"] = sorted(rule.value_set, key=str)
    elif isinstance(rule, NotInSet):
        schema["not"] = {"enum": sorted(rule.value_set, key=str)}
    elif isinstance(rule, MatchRegex):
        schema["pattern"] = rule.regex
    elif isinstance(rule, LengthsBetween):
        if rule.min_value is not None:
            schema["minLength"] = rule.min_value
        if rule.max_value is not None:
            schema["maxLength"] = rule.max_value
    elif isinstance(rule, Null):
        schema.clear()
        schema["type"] = "null"


def _raise(schema: Schema, key: str, bound: float) -> None:
    schema[key] = max(bound, schema.get(key, bound))
    if key == "exclusiveMinimum" and schema.get("minimum", bound) <= bound:
        schema.pop("minimum", None)


def _lower(schema: Schema, key: str, bound: float) -> None:
    schema[key] = min(bound, schema.get(key, bound))
    if key == "exclusiveMaximum" and schema.get("maximum", bound) >= bound:
        schema.pop("maximum", None)


def _typed(kind: Any, *, as_feature: bool = False) -> Schema:
    if isinstance(kind, list):
        typed = [_typed(branch, as_feature=as_feature) for branch in branches(kind)]
        return typed[0] if len(typed) == 1 else {"anyOf": typed}
    logical = kind.get("logicalType") if isinstance(kind, dict) else None
    name = kind["type"] if isinstance(kind, dict) else kind
    if logical in ("timestamp-millis", "timestamp-micros"):
        return {
            "anyOf": [{"type": "string", "format": "date-time", "description": "ISO-8601 with an offset"}, *_millis()]
        }
    if logical == "date":
        return {"type": "string", "format": "date"}
    if name in WHOLE:
        return {"type": "integer", "minimum": WHOLE[name][0], "maximum": WHOLE[name][1]}
    if name in LARGEST:
        largest = LARGEST["float" if as_feature else name]
        return {"type": "number", "minimum": -largest, "maximum": largest}
    if name == "bytes":
        return {"type": "string", "contentEncoding": "base64", "pattern": "^([A-Za-z0-9+/]{4})*$"}
    return _nested(name, kind)


def _nested(name: str, kind: Any) -> Schema:
    if name == "enum":
        return {"type": "string", "enum": list(kind["symbols"])}
    if name == "array":
        return {"type": "array", "items": _maybe_null(kind["items"])}
    if name == "map":
        return {"type": "object", "additionalProperties": _maybe_null(kind["values"])}
    if name == "record":
        properties = {field["name"]: _maybe_null(field["type"]) for field in kind["fields"]}
        required = [field["name"] for field in kind["fields"] if _needed(field)]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, "required": required} if required else schema
    return {"type": {"string": "string", "boolean": "boolean"}[name]}


def _millis() -> list[Schema]:
    """Milliseconds since the epoch that can be meant as such."""
    found = []
    for first, last in MEANT:
        low, high = max(first, EARLIEST_MS), min(last, LATEST_MS)
        if low <= high:
            found.append({"type": "integer", "minimum": low, "maximum": high, "description": "ms since the epoch"})
    return found


def _maybe_null(kind: Any) -> Schema:
    return _or_null(_typed(kind)) if is_nullable(kind) else _typed(kind)


def _or_null(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    with_null = {**schema, "type": [schema["type"], "null"]} if schema["type"] != "null" else schema
    return {**with_null, "enum": [*schema["enum"], None]} if "enum" in schema else with_null


def _needed(field: Mapping[str, Any]) -> bool:
    return "default" not in field and not is_nullable(field["type"])
