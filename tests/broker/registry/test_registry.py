"""Our codec and Confluent's serialisers on either end of a real registry; evolving, refusing, being away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.broker.registry.apicurio import Apicurio
from tests.support.polling import until
from tidemill.codec import Codec
from tidemill.codec.registry.http import HttpRegistry
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog, make_schema
from tidemill.errors import RetryLater

MODEL = "flight-delay"
DATUM = {
    "event_id": "e1", "scheduled_at": 1_359_651_900_000, "tail_number": "N1", "carrier": "UA", "origin": "EWR",
    "dest": "IAH", "distance": 1400.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    server = Apicurio(tmp_path_factory.mktemp("apicurio")).start()
    yield server
    server.stop()


@pytest.fixture
def catalog(root: Path) -> SchemaCatalog:
    return SchemaCatalog.load(root / "schemas", load_models(root / "models", (MODEL,)))


@pytest.fixture
def codec(registry: Apicurio, catalog: SchemaCatalog) -> Codec:
    return Codec(catalog, HttpRegistry(registry.url))


def datum_of(schema: Schema) -> dict[str, Any]:
    return {name: DATUM.get(name) for name in schema.field_names}


def confluent(registry: Apicurio) -> Any:
    return SchemaRegistryClient({"url": registry.url})


def in_topic(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def test_what_confluents_serializer_writes_our_codec_reads(
    registry: Apicurio, codec: Codec, catalog: SchemaCatalog
) -> None:
    schema = catalog.record(MODEL)
    write = AvroSerializer(confluent(registry), schema.text)
    value = write(datum_of(schema), in_topic("theirs"))
    assert value is not None and value[0] == 0
    decoded = codec.decode([value, b"\x00\xff\xff\xff\xffnothing"], schema)
    assert decoded.rows.column("event_id").to_pylist() == ["e1"]
    assert [bad.position for bad in decoded.bad] == [1]
    assert codec.decode_one(value, schema)["distance"] == 1400.0


def test_what_our_codec_writes_confluents_deserializer_reads_and_the_bytes_are_the_same(
    registry: Apicurio, codec: Codec, catalog: SchemaCatalog
) -> None:
    schema = catalog.record(MODEL)
    ours = codec.encode_one(datum_of(schema), schema, topic="shared")
    theirs = AvroSerializer(confluent(registry), schema.text)(datum_of(schema), in_topic("shared"))
    assert ours == theirs
    read = AvroDeserializer(confluent(registry))(ours, in_topic("shared"))
    assert (read["event_id"], read["carrier"]) == ("e1", "UA")
    rows = codec.decode([ours], schema).rows
    assert codec.encode(rows, schema, topic="shared") == [ours]
    assert isinstance(rows, pa.RecordBatch)


def versions(count: int) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = [{"name": "event_id", "type": "string"}]
    found = []
    for number in range(count):
        found.append({"type": "record", "name": "Evolving", "namespace": "t", "fields": list(fields)})
        fields.append({"name": f"added_{number}", "type": ["null", "double"], "default": None})
    return found


def test_five_versions_by_any_writer_are_read_by_every_reader(registry: Apicurio, codec: Codec) -> None:
    texts = versions(5)
    values = [
        AvroSerializer(confluent(registry), json.dumps(text))({"event_id": "e"}, in_topic("evolving")) for text in texts
    ]
    for text in texts:
        decoded = codec.decode(values, make_schema("evolving", text))
        assert decoded.rows.num_rows == 5
        assert not decoded.bad


def test_an_incompatible_schema_is_refused_by_the_registry_and_by_us(registry: Apicurio) -> None:
    client = HttpRegistry(registry.url)
    old = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}
    new = {"type": "record", "name": "R", "fields": [{"name": "b", "type": "long"}]}
    client.register("strict-value", json.dumps(old))
    registry.put("/config/strict-value", b'{"compatibility": "BACKWARD"}')
    assert client.problems("strict-value", json.dumps(old)) == []
    assert client.problems("strict-value", json.dumps(new))
    assert client.problems("unheard-of-value", json.dumps(new)) == []
    with pytest.raises(RetryLater, match="strict-value"):
        client.register("strict-value", json.dumps(new))


def test_the_registrys_mode_is_told(registry: Apicurio) -> None:
    assert HttpRegistry(registry.url).compatibility() == "NONE"
    try:
        registry.put("/config", b'{"compatibility": "BACKWARD"}')
        assert HttpRegistry(registry.url).compatibility() == "BACKWARD"
    finally:
        registry.put("/config", b'{"compatibility": "NONE"}')


def test_a_registry_that_is_away_is_waited_for(
    tmp_path_factory: pytest.TempPathFactory, registry: Apicurio, catalog: SchemaCatalog
) -> None:
    schema = catalog.record(MODEL)
    value = AvroSerializer(confluent(registry), schema.text)(datum_of(schema), in_topic("away"))
    registry.stop()
    waiting = Codec(catalog, HttpRegistry(registry.url, timeout_s=2))
    with pytest.raises(RetryLater, match="cannot be reached"):
        waiting.decode([value], schema)
    registry.start()  # empty now: it gives its ids out anew
    AvroSerializer(confluent(registry), schema.text)(datum_of(schema), in_topic("away"))
    again = AvroSerializer(confluent(registry), schema.text)(datum_of(schema), in_topic("away"))
    until(lambda: waiting.decode([again], schema).rows.num_rows == 1, 60, "read as soon as it is back")


def test_an_id_that_the_registry_has_never_given_out_is_definite(registry: Apicurio) -> None:
    assert HttpRegistry(registry.url).entry(987_654) is None
