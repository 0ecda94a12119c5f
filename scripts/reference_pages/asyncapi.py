"""The topics as an AsyncAPI 3.0 document: what stands in topics.yaml, with the Avro schemas of what is on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.vocabulary import TASKS
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.contracts.topics import TopicCatalog, TopicSpec
from tidemill.kafka.dead_letters import (
    ERROR_CLASS,
    ERROR_MESSAGE,
    ERROR_OFFSET,
    ERROR_PARTITION,
    ERROR_TOPIC,
    ERROR_TOPIC_ID,
    RESOLUTION,
    RESOLVES,
)
from tidemill.kafka.headers import ORIGIN, TRACEPARENT

Node = dict[str, Any]

AVRO = "application/vnd.apache.avro+json;version=1.9.0"
USERS = "users"
BINDING = "0.5.0"
DESCRIPTION = """Every topic of the platform, by role. Operations say which part sends and which receives; where a \
topic names `users` under `x-producers` or `x-consumers`, programs of your own do too. Values are Avro: in the wire \
format of Confluent's schema registry where there is one, else single objects. A prefix (TIDEMILL_PREFIX) stands \
before every name."""
KEYS = {
    "entity": "The entity; the event id where it is null.",
    "model": "The model's name.",
    "topic": "The name of a topic.",
    "as-came": "The key as it came.",
}
HEADERS: dict[str, str] = {
    TRACEPARENT: "W3C trace context.",
    ORIGIN: "The record that it was made of: topic/partition/offset.",
    ERROR_TOPIC: "The topic on which the record came.",
    ERROR_PARTITION: "Its partition there.",
    ERROR_OFFSET: "Its offset there.",
    ERROR_CLASS: "Why it was set aside: the name of an expectation or an error.",
    ERROR_MESSAGE: "The same in words.",
    ERROR_TOPIC_ID: "The id of that topic, where it was made anew while it was read.",
    RESOLVES: "Of a record without a value: the dead letter that it resolves, as topic/partition/offset.",
    RESOLUTION: "Of such a record: replayed or discarded.",
}
MADE_OF_A_RECORD = ("clean", "labels", "predictions")
OF_DEAD_LETTERS = tuple(name for name in HEADERS if name not in (TRACEPARENT, ORIGIN))


def document(topics: TopicCatalog, schemas: SchemaCatalog, specs: Mapping[str, ModelSpec]) -> Node:
    """The document, as JSON has it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tidemill topics", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/octet-stream",
        "servers": {
            "kafka": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "Your Kafka: TIDEMILL_KAFKA_BOOTSTRAP.",
            }
        },
        "channels": {spec.role: _channel(spec, specs) for spec in topics.specs},
        "operations": dict(_operations(topics)),
        "components": {"messages": dict(_messages(topics, schemas, specs))},
    }


def _channel(spec: TopicSpec, specs: Mapping[str, ModelSpec]) -> Node:
    config: Node = {name: _configured(name, value) for name, value in sorted(spec.config.items())}
    binding: Node = {"topicConfiguration": config, "bindingVersion": BINDING}
    if spec.partitions is not None:
        binding["partitions"] = spec.partitions
    found: Node = {
        "address": spec.pattern,
        "title": spec.role,
        "description": spec.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in message_names(spec, specs)},
        "bindings": {"kafka": binding},
        "x-owner": spec.owner,
        "x-producers": list(spec.producers),
        "x-consumers": list(spec.consumers),
    }
    if spec.dead_letters:
        found["x-dead-letters"] = spec.dead_letters
    if spec.per_model:
        found["parameters"] = {"model": {"description": "The model's name.", "examples": sorted(specs)}}
    return found


def _configured(name: str, value: str) -> Any:
    if name == "cleanup.policy":
        return value.split(",")
    return int(value) if value.lstrip("-").isdigit() else value


def message_names(spec: TopicSpec, specs: Mapping[str, ModelSpec]) -> list[str]:
    """What may be on a topic: one message for each schema, by names that stand under components."""
    if spec.schema is None:
        return [f"{spec.role}.bytes"]
    stems = {"record": list(specs), "label": [f"label-{task}" for task in TASKS]}
    stems["prediction"] = [f"prediction-{task}" for task in TASKS]
    return [f"{spec.role}.{stem}" for stem in stems.get(spec.schema, [spec.schema])]


def _operations(topics: TopicCatalog) -> Iterator[tuple[str, Node]]:
    for spec in topics.specs:
        for action, parts in (("send", spec.producers), ("receive", spec.consumers)):
            for part in parts:
                if part != USERS:
                    channel = {"$ref": f"#/channels/{spec.role}"}
                    yield (
                        f"{part}.{action}.{spec.role}",
                        {"action": action, "channel": channel, "tags": [{"name": part}]},
                    )


def _messages(
    topics: TopicCatalog, schemas: SchemaCatalog, specs: Mapping[str, ModelSpec]
) -> Iterator[tuple[str, Node]]:
    for spec in topics.specs:
        for name in message_names(spec, specs):
            stem = name.removeprefix(f"{spec.role}.")
            message: Node = {"name": stem, "headers": _headers(spec)}
            if spec.schema is not None:
                schema = _schema(stem, schemas, specs)
                message["summary"] = schema.json.get("doc") or f"A record of {stem}."
                message["payload"] = {"schemaFormat": AVRO, "schema": schema.json}
            else:
                message["summary"] = "Bytes as they came."
            key = {"type": "string", "description": KEYS[spec.key]}
            yield name, {**message, "bindings": {"kafka": {"key": key, "bindingVersion": BINDING}}}


def _schema(stem: str, schemas: SchemaCatalog, specs: Mapping[str, ModelSpec]) -> Schema:
    return schemas.record(stem) if stem in specs else schemas.platform(stem)


def _headers(spec: TopicSpec) -> Node:
    """Those that a record may have."""
    names = [TRACEPARENT]
    if spec.role in MADE_OF_A_RECORD:
        names.append(ORIGIN)
    if spec.role.endswith("_dlq"):
        names += OF_DEAD_LETTERS
    return {"type": "object", "properties": {name: {"type": "string", "description": HEADERS[name]} for name in names}}
