"""A model with a source: topics that exist already, in each format, and the registry that knows their schemas."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.cimpl import NewTopic
from fastavro import parse_schema, schemaless_writer

from tests.broker.validator.registry_stub import Schemas, registry_stub
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.contracts.model_file import load_models
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import ensure_topics, partition_counts
from tidemill.settings import CommonSettings
from tidemill.sources.formats.proto_schema import from_texts

PARTITIONS = 3  # not the setting's: the model's topics follow the source
COUNT = 60
AT_MS = 1_700_000_000_000
RECORD = {
    "type": "record", "name": "Payment", "namespace": "test",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "paid_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "customer", "type": ["null", "string"], "default": None},
        {"name": "amount", "type": ["null", "double"], "default": None},
    ],
}  # fmt: skip
MODEL = """
model: payment
schema: payment.avsc
entity: customer
event_time: paid_at
source: %s
target:
  label: fraud
  task: binary
  source: {topic: %s, format: json, event_id: payment, fields: {label: verdict.fraud, event_time: paid}}
features: {amount: number}
expectations:
  - expect_column_values_to_be_between: {column: amount, min_value: 0}
"""
CHARGE = {
    "type": "record", "name": "Charge", "namespace": "shop",
    "fields": [
        {"name": "who", "type": ["null", "long"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "money", "type": {"type": "record", "name": "Money", "fields": [{"name": "amount", "type": "float"}]}},
    ],
}  # fmt: skip
PROTO = """syntax = "proto3"; package shop; import "google/protobuf/timestamp.proto"; import "money.proto";
message Charge { int64 who = 1; google.protobuf.Timestamp at = 2; Money money = 3; }"""
MONEY = 'syntax = "proto3"; package shop; message Money { double amount = 1; }'
FIELDS = "fields: {customer: who, paid_at: {path: at, unit: us}, amount: money.amount}"


def avro(schema: dict[str, Any], row: dict[str, Any], number: int) -> bytes:
    stream = io.BytesIO(b"\0" + number.to_bytes(4, "big"))
    stream.seek(0, 2)
    schemaless_writer(stream, parse_schema(json.loads(json.dumps(schema))), row)
    return stream.getvalue()


def charge(k: int) -> dict[str, Any]:
    return {"who": k % 5, "at": (AT_MS + k) * 1000, "money": {"amount": k / 2}}


def change(k: int) -> dict[str, Any]:
    return {"schema": {}, "payload": {"before": None, "after": charge(k), "op": "cru"[k % 3], "ts_ms": 1}}


ENVELOPE = {
    "type": "record", "name": "Envelope", "namespace": "db",
    "fields": [
        {"name": "before", "type": ["null", {**CHARGE, "name": "Value", "namespace": "db"}], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None}, {"name": "op", "type": "string"},
    ],
}  # fmt: skip


def as_protobuf(k: int) -> bytes:
    message = from_texts({"a.proto": PROTO, "money.proto": MONEY}, "a.proto").message((0,))(
        who=k % 5, money={"amount": k / 2}
    )
    message.at.FromMilliseconds(AT_MS + k)
    return b"\0\0\0\0\3\0" + bytes(message.SerializeToString())


CASES: dict[str, tuple[str, Callable[[int], bytes], bytes | None]] = {
    # source, a good value, and one that is set aside
    "avro": (f"format: avro, {FIELDS}", lambda k: avro(CHARGE, charge(k), 1), b"\0\0\0\0\1\2"),
    "json": (f"format: json, {FIELDS}", lambda k: json.dumps(charge(k)).encode(), b'{"who": '),
    "json-schema": (
        f"format: json-schema, {FIELDS}", lambda k: b"\0\0\0\0\2" + json.dumps(charge(k)).encode(),
        b'\0\0\0\0\2{"who": 1, "at": 5, "money": {"amount": "much"}}',
    ),
    "protobuf": (f"format: protobuf, {FIELDS}", as_protobuf, b"\0\0\0\0\3\0\xff"),
    "debezium-json": (
        "format: debezium, fields: {customer: who, paid_at: {path: payload.after.at, unit: us}, "
        "amount: payload.after.money.amount}",
        lambda k: json.dumps(change(k), separators=(",", ":")).encode(), None,
    ),
    "debezium-avro": (
        f"format: debezium, {FIELDS}",
        lambda k: avro(ENVELOPE, {"before": None, "after": charge(k), "op": "u"}, 4),
        avro(ENVELOPE, {"before": charge(0), "after": None, "op": "d"}, 4),
    ),
}  # fmt: skip


@dataclass
class World:
    """A model with a source, its topics, and a registry."""

    settings: CommonSettings
    events: str
    labels: str

    def topics(self) -> TopicCatalog:
        models = load_models(self.settings.models_dir)
        return TopicCatalog.load(self.settings.schemas, self.settings.prefix, models)

    def spawn(self) -> subprocess.Popen[bytes]:
        given = {
            "kafka_bootstrap": self.settings.kafka_bootstrap, "prefix": self.settings.prefix, "batch_linger_ms": 20,
            "schemas": self.settings.schemas, "models_dir": self.settings.models_dir,
            "schema_registry_url": self.settings.schema_registry_url, "log_level": "WARNING",
        }  # fmt: skip
        return service_process.start("tidemill_validator", env=service_process.environment(given))

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line as a process, to its end."""
        given = {
            "kafka_bootstrap": self.settings.kafka_bootstrap, "prefix": self.settings.prefix,
            "schemas": self.settings.schemas, "models_dir": self.settings.models_dir,
            "schema_registry_url": self.settings.schema_registry_url,
        }  # fmt: skip
        return service_process.run(*arguments, env=service_process.environment(given))

    def read(self, role: str, model: str = "payment") -> list[Any]:
        """(partition, offset, key, value, headers) of every committed record."""
        topic = self.topics().name(role, model)
        return sorted(
            (batch.partitions[k], batch.offsets[k], batch.keys[k], batch.values[k], batch.headers[k] or [])
            for batch in scan(self.settings, topic)
            for k in range(len(batch))
        )


@contextmanager
def source_registry() -> Iterator[tuple[str, Schemas]]:
    """A registry with every format's schemas, and what they refer to; its address and its store."""
    with registry_stub() as found:
        found[1].by_id = {
            1: {"schema": json.dumps(CHARGE)},
            2: {"schema": json.dumps({"properties": {"money": {"$ref": "money.json"}}}), "schemaType": "JSON",
                "references": [{"name": "money.json", "subject": "money", "version": 2}]},
            3: {"schema": PROTO, "schemaType": "PROTOBUF",
                "references": [{"name": "money.proto", "subject": "money", "version": 1}]},
            4: {"schema": json.dumps(ENVELOPE)},
        }  # fmt: skip
        found[1].by_version = {
            ("money", 1): {"schema": MONEY, "schemaType": "PROTOBUF"},
            ("money", 2): {"schema": '{"properties": {"amount": {"type": "number"}}}', "schemaType": "JSON"},
        }
        yield found


def world(case: str, kafka: str, prefix: str, root: Path, folder: Path, url: str) -> World:
    (folder / "models").mkdir()
    (folder / "schemas" / "models").mkdir(parents=True)
    for path in (root / "schemas").glob("*.*"):
        (folder / "schemas" / path.name).write_bytes(path.read_bytes())
    (folder / "schemas" / "models" / "payment.avsc").write_text(json.dumps(RECORD))
    events, labels = f"{prefix}ops.charges", f"{prefix}ops.verdicts"  # the prefix only so that they are deleted after
    source = f"{{topic: {events}, event_id: coordinates, {CASES[case][0]}}}"
    (folder / "models" / "payment.yaml").write_text(MODEL % (source, labels))
    settings = CommonSettings(
        kafka_bootstrap=kafka, prefix=f"{prefix}x-", schemas=folder / "schemas", models_dir=folder / "models",
        schema_registry_url=url,
    )  # fmt: skip
    made = World(settings, events, labels)
    client = admin(settings)
    for future in client.create_topics([NewTopic(name, PARTITIONS, 1) for name in (events, labels)]).values():
        future.result()
    until(lambda: len(partition_counts(client, [events, labels])) == 2, 60, "the source is there")
    counts = ensure_topics(client, made.topics(), ["payment"], 8)
    assert counts[made.topics().name("clean", "payment")] == PARTITIONS
    return made
