"""`source` and `target.source` in a model file, and the topics that they put in place of the platform's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.core.contracts.model_file.model_text import MINIMAL
from tidemill.contracts.model_file import FieldPath, ModelFileError
from tidemill.contracts.model_file.load import parse_model
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError

SOURCE = (
    "source: {topic: ops.v2, format: debezium, event_id: 'header:id', event_time: {path: ts_us, unit: us}, "
    "key: record, fields: {amount: payload.after.amount}}\n"
)
LABELS = "  source: {topic: ops.labels, format: json, event_id: order, fields: {label: verdict.bad}}"


def with_labels(text: str) -> str:
    return text.replace("task: binary}", f"task: binary,\n{LABELS}}}")


def test_a_source_says_where_what_the_record_needs_stands() -> None:
    spec = parse_model(Path("m.yaml"), with_labels(MINIMAL) + SOURCE)

    assert spec.events is not None
    assert (spec.events.topic, spec.events.format, spec.events.key) == ("ops.v2", "debezium", "record")
    assert spec.events.event_id == "header:id"
    assert spec.events.event_time == FieldPath(("ts_us",), "us")
    assert spec.events.fields == {"amount": FieldPath(("payload", "after", "amount"))}
    assert spec.target.source is not None
    assert spec.target.source.fields["label"].path == ("verdict", "bad")
    assert spec.target.expires == timedelta(days=30)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("source: {topic: a, format: xml}", "must be one of avro"),
        ("source: {topic: a b, format: json}", "topic's full name"),
        ("source: {format: json}", "`source.topic` is missing"),
        ("source: {topic: a, format: json, event_id: 'header:'}", "header:NAME"),
        ("source: {topic: a, format: json, fields: {x: a..b}}", "names with dots"),
        ("source: {topic: a, format: json, fields: {x: {path: a, unit: h}}}", "must be one of s, ms"),
        ("source: {topic: a, format: json, schema: x.avsc}", "json needs no schema file"),
        ("source: {topic: a, format: avro, schema: ../x.avsc}", "schemas/models/"),
        ("source: {topic: a, format: avro, message: x}", "belongs to protobuf"),
        ("source: {topic: a, format: json, even_id: x}", "did you mean 'event_id'"),
    ],
)
def test_a_wrong_source_is_refused_with_its_place(text: str, wrong: str) -> None:
    with pytest.raises(ModelFileError, match=wrong) as error:
        parse_model(Path("m.yaml"), MINIMAL + text + "\n")
    assert error.value.line == len(MINIMAL.splitlines()) + 1
    assert error.value.column >= 1


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("event_id: order", "event_id: coordinates", "names the event that it is about"),
        ("event_id: order", "key: x", "labels are keyed by the event id"),
        ("label: verdict.bad", "amount: x", "a label has no field 'amount'"),
    ],
)
def test_a_label_cannot_be_made_up(old: str, new: str, wrong: str) -> None:
    with pytest.raises(ModelFileError, match=wrong):
        parse_model(Path("m.yaml"), with_labels(MINIMAL).replace(old, new))


def test_a_source_stands_in_the_role_of_raw_without_prefix_and_is_not_the_platforms(root: Path) -> None:
    spec = parse_model(Path("m.yaml"), with_labels(MINIMAL) + SOURCE)
    topics = TopicCatalog.load(root / "schemas", "p-", {spec.name: spec})

    assert topics.name("raw", spec.name) == "ops.v2"
    assert topics.name("labels_raw", spec.name) == "ops.labels"
    assert topics.name("raw_dlq", spec.name) == f"p-{spec.name}-raw-dlq"
    assert topics.name("raw", "other") == "p-other-raw"
    assert topics.is_external("raw", spec.name)
    assert not {"ops.v2", "ops.labels"} & topics.all_topics([spec.name]).keys()
    assert topics.external_topics(spec.name) == {"raw": "ops.v2", "labels_raw": "ops.labels"}


def test_a_model_cannot_read_what_it_writes(root: Path) -> None:
    spec = parse_model(Path("m.yaml"), MINIMAL + SOURCE)
    loop = parse_model(Path("m.yaml"), MINIMAL + SOURCE.replace("ops.v2", f"{spec.name}-clean"))

    with pytest.raises(ConfigError, match="another topic of the same model"):
        TopicCatalog.load(root / "schemas", "", {spec.name: loop})
