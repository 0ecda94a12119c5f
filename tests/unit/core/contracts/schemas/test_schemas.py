"""Schemas: fingerprints as Avro's specification has them, and the catalogue that finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tidemill.contracts.model_file import ModelFileError, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog, make_schema, read_schema
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError

ROOT = Path(__file__).parents[5]
EMPTY_CRC = 0xC15D213AA4D7A795  # the specification's name for the CRC of no bytes, and its polynomial


def crc_64_avro(data: bytes) -> bytes:
    """The algorithm as printed in the specification, bit by bit, in the order of bytes on the wire."""
    crc = EMPTY_CRC
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (EMPTY_CRC if crc & 1 else 0)
    return crc.to_bytes(8, "little")


def record(*fields: dict[str, Any], name: str = "Thing") -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "org.example", "fields": list(fields)}


def catalog() -> SchemaCatalog:
    return SchemaCatalog.load(ROOT / "schemas", load_models(ROOT / "models"))


def test_the_fingerprint_is_crc_64_avro_of_the_canonical_form_in_little_endian() -> None:
    schema = make_schema("thing", record({"name": "a", "type": ["null", "int"], "default": None, "doc": "d"}))
    canonical = '{"name":"org.example.Thing","type":"record","fields":[{"name":"a","type":["null","int"]}]}'
    assert schema.fingerprint == crc_64_avro(canonical.encode())
    assert crc_64_avro(b'"null"')[::-1].hex() == "63dd24e7cc258f8a"  # Avro's own test vector


def test_docs_and_defaults_and_logical_types_do_not_change_the_fingerprint_but_the_text() -> None:
    plain = make_schema("thing", record({"name": "a", "type": "long"}))
    timed = make_schema("thing", record({"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}}))
    assert plain.fingerprint == timed.fingerprint
    assert plain != timed
    assert json.loads(timed.text) == timed.json


def test_a_schema_can_be_a_key() -> None:
    one, same = (make_schema("thing", record({"name": "a", "type": "long"})) for _ in range(2))
    assert {one: 1}[same] == 1


@pytest.mark.parametrize(
    "document",
    [
        {"type": "record", "name": "Thing"},
        {"type": "string"},
        record(),
        record({"name": "a", "type": "int"}, {"name": "a", "type": "int"}),
        record({"name": "a", "type": "strnig"}),
        record({"name": "a"}),
        record({"name": "1a", "type": "int"}),
    ],
)
def test_what_is_no_record_schema_is_an_error_that_names_it(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="'thing'"):
        make_schema("thing", document)


def test_a_file_that_is_not_json_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "thing.avsc"
    path.write_text('{"type": "record",\n "name": }')
    with pytest.raises(ConfigError, match=r"thing\.avsc:2:10"):
        read_schema(path)
    with pytest.raises(ConfigError, match=r"other\.avsc"):
        read_schema(tmp_path / "other.avsc")


def test_the_topics_schema_is_the_models_own_where_it_depends_on_the_model() -> None:
    schemas = catalog()
    assert schemas.for_topic("clean", "flight-delay") is schemas.record("flight-delay")
    assert schemas.for_topic("labels", "flight-delay") is schemas.platform("label-binary")
    assert schemas.for_topic("predictions", "flight-delay") is schemas.platform("prediction-binary")
    assert schemas.for_topic("model_versions") is schemas.platform("model-version")
    with pytest.raises(ConfigError, match="name one"):
        schemas.for_topic("clean")
    with pytest.raises(ConfigError, match="no schema of their own"):
        schemas.for_topic("raw_dlq", "flight-delay")
    with pytest.raises(ConfigError, match="unknown model 'fraud'"):
        schemas.record("fraud")
    with pytest.raises(ConfigError, match="unknown platform schema"):
        schemas.platform("model")


def test_every_current_schema_is_found_by_its_fingerprint_and_unknown_ones_are_not() -> None:
    schemas = catalog()
    for schema in schemas:
        assert schemas.writer(schema.fingerprint) == schema
    assert schemas.writer(b"\0" * 8) is None


def test_an_earlier_schema_is_found_by_its_fingerprint(tmp_path: Path) -> None:
    old = make_schema("thing", record({"name": "a", "type": "int"}))
    new = make_schema("thing", record({"name": "a", "type": "long"}))
    topics = TopicCatalog.load(ROOT / "schemas", "")
    schemas = SchemaCatalog([], {"thing": new}, {"thing": "binary"}, topics, history=[old, new])
    assert schemas.writer(old.fingerprint) == old
    assert schemas.writer(new.fingerprint) is new


def test_a_model_that_does_not_fit_its_record_is_not_loaded(tmp_path: Path) -> None:
    text = (ROOT / "models/telecom-churn.yaml").read_text().replace("  tenure: number", "  tenur: number")
    (tmp_path / "telecom-churn.yaml").write_text(text)
    with pytest.raises(ModelFileError, match=r"no field 'tenur': did you mean 'tenure'\?"):
        SchemaCatalog.load(ROOT / "schemas", load_models(tmp_path))
