"""The schemas of this repository: every one is used, has examples, and says one thing by one name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.contract import AVSC, SCHEMAS, catalog, example, models, spelled_out, topics
from tidemill.codec.codec import Codec
from tidemill.contracts.model_file.vocabulary import TASKS
from tidemill.contracts.schemas.catalog import read_schema
from tidemill.json.rows import FieldError, from_json

OF_THE_MODEL = {"record", "label", "prediction"}
by_name = pytest.mark.parametrize("path", AVSC, ids=lambda path: path.stem)


@by_name
def test_the_valid_example_goes_over_the_wire_and_comes_back(path: Path) -> None:
    datum = from_json(example(path.stem, "valid"), spelled_out(path))
    codec = Codec(catalog())
    schema = read_schema(path)
    assert codec.decode_one(codec.encode_one(datum, schema), schema) == datum


@by_name
def test_the_invalid_example_has_one_fault_and_is_refused_for_it(path: Path) -> None:
    with pytest.raises(FieldError) as caught:
        from_json(example(path.stem, "invalid"), spelled_out(path))
    assert len(caught.value.errors) == 1


def test_every_example_belongs_to_a_schema() -> None:
    known = {f"{path.stem}.{kind}.json" for path in AVSC for kind in ("valid", "invalid")}
    assert {path.name for path in (SCHEMAS / "examples").iterdir()} == known


def test_every_platform_schema_is_on_a_topic_and_every_topic_has_its_schema() -> None:
    on_topics = {spec.schema for spec in topics().specs} - {None} - OF_THE_MODEL
    of_tasks = {f"{kind}-{task}" for kind in ("label", "prediction") for task in TASKS}
    assert {path.stem for path in SCHEMAS.glob("*.avsc")} == on_topics | of_tasks


def test_every_record_schema_belongs_to_a_model() -> None:
    assert {path.name for path in SCHEMAS.glob("models/*.avsc")} == {spec.schema_file for spec in models().values()}


def named_types(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from named_types(item)
    if isinstance(node, dict):
        if node.get("type") in ("record", "enum", "fixed"):
            yield node
        for key in ("type", "items", "values", "fields"):
            yield from named_types(node.get(key))


def without_docs(node: Any) -> Any:
    if isinstance(node, list):
        return [without_docs(item) for item in node]
    if isinstance(node, dict):
        kept = {key: without_docs(value) for key, value in node.items() if key not in ("doc", "namespace")}
        return kept | {"name": node["name"].rpartition(".")[2]} if "name" in node else kept
    return node


def test_a_name_means_the_same_type_in_every_file() -> None:
    meanings: dict[str, Any] = {}
    for path in AVSC:
        local: dict[str, Any] = {}
        for node in named_types(spelled_out(path).json):
            short = node["name"].rpartition(".")[2]
            local[short] = without_docs(node)
        for name, meaning in local.items():
            assert meanings.setdefault(name, meaning) == meaning, f"{name} of {path.name} is another {name}"


@by_name
def test_names_are_written_as_the_house_writes_them(path: Path) -> None:
    schema = read_schema(path)
    space = "dev.tidemill.models" if path.parent.name == "models" else "dev.tidemill"
    assert schema.json["namespace"] == space
    for node in named_types(schema.json):
        assert node["name"][0].isupper() and node["name"].isalnum(), node["name"]
        for field in node.get("fields", ()):
            assert field["name"] == field["name"].lower(), field["name"]


@by_name
def test_every_time_is_a_timestamp_in_milliseconds(path: Path) -> None:
    for node in named_types(spelled_out(path).json):
        for field in node.get("fields", ()):
            if field["name"].endswith("_at") or field["name"] in ("at", "event_time", "until"):
                branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
                kind = next(branch for branch in branches if branch != "null")
                assert kind == {"type": "long", "logicalType": "timestamp-millis"}, field["name"]


def test_the_label_and_prediction_of_a_task_have_what_all_others_have() -> None:
    labels = [catalog().platform(f"label-{task}") for task in TASKS]
    assert {tuple(schema.field_names) for schema in labels} == {("event_id", "label", "event_time", "observed_at")}
    output = {f"{arm}{name}" for arm in ("", "other_") for name in ("probability", "probabilities", "label", "value")}
    predictions = [catalog().platform(f"prediction-{task}") for task in TASKS]
    common = {tuple(name for name in schema.field_names if name not in output) for schema in predictions}
    assert len(common) == 1
