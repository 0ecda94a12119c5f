"""Every key of the model file says what it means, what holds without it, and how it looks: held against the loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.unit.core.contracts.model_file.model_text import MINIMAL
from tidemill.contracts.model_file.json_schema import model_file_schema
from tidemill.contracts.model_file.keys.defaults import default_values
from tidemill.contracts.model_file.keys.notes import NOTES
from tidemill.contracts.model_file.load import parse_model
from tidemill.contracts.model_file.spec import ModelSpec
from tidemill.contracts.model_file.yaml.loader import Loader

SCHEMA = model_file_schema()
SOURCE = {"topic": "ops.flights.v2", "format": "json"}
BESIDE: dict[str, dict[str, Any]] = {
    "release.stages": {"release": {"mode": "canary"}},
    "target.cost.false_positive": {"target": {"cost": {"false_negative": 1}}},
    "target.cost.false_negative": {"target": {"cost": {"false_positive": 1}}},
    "source.schema": {"source": SOURCE | {"format": "avro"}},
    "target.source.schema": {"target": {"source": SOURCE | {"format": "avro"}}},
    "source.message": {"source": SOURCE | {"format": "protobuf", "schema": "flight.proto"}},
    "target.source.message": {"target": {"source": SOURCE | {"format": "protobuf", "schema": "flight.proto"}}},
}
"""What else must stand in a file for a key to mean something."""


def keys(section: dict[str, Any], prefix: str = "") -> dict[str, dict[str, Any]]:
    """Dotted path to what the schema says of each key."""
    found = {}
    for name, key in section.get("properties", {}).items():
        found |= {prefix + name: key} | keys(key, f"{prefix}{name}.")
    return found


KEYS = keys(SCHEMA)


def merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return one | {key: merged(one.get(key), value) for key, value in other.items()}


def written(path: str, value: Any = None) -> dict[str, Any]:
    """A small model file with what a key needs beside it, and with the key where a value is given."""
    document = yaml.load(MINIMAL, Loader=Loader)
    for name, source in (("source", {"source": SOURCE}), ("target.source", {"target": {"source": SOURCE}})):
        document = merged(document, source) if path.startswith(f"{name}.") else document
    document = merged(document, BESIDE.get(path, {}))
    nested: Any = value
    for name in reversed(path.split(".")):
        nested = {name: nested}
    return document if value is None else merged(document, nested)


def model(document: dict[str, Any]) -> ModelSpec:
    return parse_model(Path("m.yaml"), yaml.safe_dump(document))


def test_every_key_has_a_meaning_and_an_example_and_nothing_else_has() -> None:
    assert list(KEYS.keys() ^ NOTES.keys()) == []
    assert all(key["description"].endswith(".") and len(key["examples"]) == 1 for key in KEYS.values())


@pytest.mark.parametrize("path", KEYS)
def test_the_example_of_a_key_is_taken_by_the_loader_and_by_an_editor(path: str) -> None:
    document = written(path, NOTES[path][1])
    Draft202012Validator(SCHEMA).validate(document)
    model(document)


@pytest.mark.parametrize("path", default_values())
def test_a_key_that_says_its_default_says_nothing_new(path: str) -> None:
    assert KEYS[path]["default"] == default_values()[path]
    assert model(written(path, default_values()[path])) == model(written(path))
    assert model(written(path, NOTES[path][1])) != model(written(path)), "the example is the default"
