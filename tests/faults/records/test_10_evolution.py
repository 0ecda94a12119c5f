"""Fault 10: five versions of a record, in flight together.

What an earlier reader and a later one both read are fields that come, go and change their names, with defaults. A
type can only widen: an `int` is read as a `long`, and a `long` never as an `int` (Avro specification, "Schema
Resolution"), whatever its value. So widening has a direction, readers before writers, and a test of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.faults.harness.recording import Fault
from tests.faults.harness.world import EPOCH_MS, MODEL
from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog, make_schema
from tidemill.contracts.schemas.history import check_history, record_history
from tidemill.errors import ConfigError
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings

ROWS = 20
Fields = list[dict[str, Any]]
Change = Callable[[Fields], object]


def add(name: str, kind: Any, default: Any, **more: Any) -> Change:
    return lambda fields: fields.append({"name": name, "type": kind, "default": default, "doc": "New.", **more})


def drop(name: str) -> Change:
    return lambda fields: fields.remove(_field(fields, name))


def rename(old: str, new: str) -> Change:
    return lambda fields: _field(fields, old).update(name=new, aliases=[old, *_field(fields, old).get("aliases", ())])


def retype(**kinds: Any) -> Change:
    return lambda fields: [_field(fields, name).update(type=kind) for name, kind in kinds.items()]


def reverse(fields: Fields) -> None:
    fields.reverse()


def _field(fields: Fields, name: str) -> dict[str, Any]:
    return next(field for field in fields if field["name"] == name)


CREW = {"type": "record", "name": "Crew", "fields": [{"name": "pilots", "type": "int", "default": 2}]}
TAGS = {"type": "array", "items": "string"}
STATE = {"type": "enum", "name": "State", "symbols": ["ON", "OFF"]}
EVERY_WAY: list[list[Change]] = [
    [add("gate", ["null", "string"], None), add("seats", "int", 150), add("tags", TAGS, [])],
    [rename("gate", "stand"), add("fuel", "double", 1.5), add("seal", "bytes", "\u00ff")],
    [drop("seats"), rename("stand", "place"), add("crew", CREW, {})],
    [reverse, add("state", STATE, "ON"), drop("fuel")],
]
WRITTEN = {"gate": "B7", "stand": "B7", "place": "B7", "seats": 120, "tags": ["x"], "fuel": 2.5, "seal": b"s"}
WRITTEN |= {"crew": {"pilots": 3}, "state": "OFF"}
DEFAULTS = {"seats": 150, "tags": [], "fuel": 1.5, "seal": b"\xff", "crew": {"pilots": 2}, "state": "ON"}
WIDER: list[list[Change]] = [
    [
        add("a", "int", 0),
        add("b", "int", 0),
        add("c", "float", 0),
        add("d", "string", ""),
        add("e", "int", 0),
        add("f", "int", 0),
    ],
    [retype(a="long")],
    [retype(b="double", e=["null", "int"])],
    [retype(c="double", e=["null", "long"])],
    [retype(d="bytes", f="long")],
]
"""From the second on: five versions, each wider than the one before."""


class Lab:
    """A copy of the contract whose record goes through versions, a topic, and every pair of reader and writer."""

    def __init__(self, root: Path, folder: Path, bootstrap: str, prefix: str) -> None:
        self.schemas, self.models = folder / "schemas", load_models(root / "models", [MODEL])
        shutil.copytree(root / "schemas", self.schemas)
        self.path = self.schemas / "models" / f"{MODEL}.avsc"
        self.first: dict[str, Any] = json.loads(self.path.read_text())
        self._settings, self._topic = KafkaSettings(kafka_bootstrap=bootstrap, prefix=prefix), f"{prefix}versions"

    def versions(self, first: dict[str, Any], changes: list[list[Change]]) -> list[Schema]:
        """`first` and one more after each group of changes, all in the history."""
        made = [first]
        for group in changes:
            copy = json.loads(json.dumps(made[-1]))
            for change in group:
                change(copy["fields"])
            made.append(copy)
        for text in made:
            self.record(text)
        assert check_history(self.schemas, self.models) == []
        self.codec = Codec(SchemaCatalog.load(self.schemas, self.models))
        return [make_schema(MODEL, text) for text in made]

    def record(self, text: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(text))
        record_history(self.schemas, self.models)

    def over_the_broker(self, schemas: list[Schema], datum: dict[str, Any]) -> list[list[bytes | None]]:
        """`ROWS` records of each version through a topic, by version; each has its number as `flight`."""
        from confluent_kafka.cimpl import NewTopic

        client = admin(self._settings)
        for future in client.create_topics([NewTopic(self._topic, 1, 1)]).values():
            future.result()
        with Publisher(self._settings) as publisher:
            for number, schema in enumerate(schemas):
                rows = [_row(schema, number * ROWS + k, datum) for k in range(ROWS)]
                publisher.publish_all([Output(self._topic, [self.codec.encode_one(row, schema) for row in rows])])
        values = [value for batch in scan(self._settings, self._topic) for value in batch.values]
        assert len(values) == len(schemas) * ROWS
        return [values[start : start + ROWS] for start in range(0, len(values), ROWS)]


def _row(schema: Schema, number: int, datum: dict[str, Any]) -> dict[str, Any]:
    known = {"event_id": f"e{number}", "scheduled_at": EPOCH_MS, "flight": number, **datum}
    return {field["name"]: _as(field["type"], known.get(field["name"])) for field in schema.fields}


def _as(kind: Any, value: Any) -> Any:
    return value.encode() if kind == "bytes" and isinstance(value, str) else value


@pytest.fixture
def lab(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Lab:
    return Lab(root, tmp_path, kafka, prefix)


@pytest.mark.timeout(120)
@pytest.mark.fault(id=10, name="Schema evolution", variant="pairs", limit="five versions, every pair decodes")
def test_every_version_reads_what_every_version_wrote(lab: Lab, fault: Fault) -> None:
    schemas = lab.versions(lab.first, EVERY_WAY)
    written = lab.over_the_broker(schemas, WRITTEN)
    compared = 0
    for reader, writer in product(range(5), range(5)):
        decoded = lab.codec.decode(written[writer], schemas[reader])
        assert not decoded.bad, (reader, writer, decoded.bad[0])
        assert decoded.rows.column("flight").to_pylist() == [writer * ROWS + k for k in range(ROWS)]
        for field in schemas[reader].fields:
            if field["name"] in WRITTEN:
                expected = _expected(field, schemas[writer])
                assert decoded.rows.column(field["name"]).to_pylist() == [expected] * ROWS, (reader, writer, field)
                compared += 1
    mixed = lab.codec.decode([value for values in written for value in values], schemas[-1])
    assert not mixed.bad and mixed.rows.num_rows == 5 * ROWS
    fault.figures |= {"pairs": 25, "records": 5 * ROWS, "new_or_renamed_columns_compared": compared}


def _expected(field: dict[str, Any], writer: Schema) -> Any:
    """What a reader must find in a field: what was written under its name or an alias, else its default."""
    names = (field["name"], *field.get("aliases", ()))
    return next((WRITTEN[name] for name in names if name in writer.field_names), DEFAULTS.get(field["name"]))


@pytest.mark.timeout(120)
@pytest.mark.fault(id=10, name="Schema evolution", variant="widened", limit="later reads earlier; never misread")
def test_a_later_version_reads_what_is_narrower_and_an_earlier_one_sets_aside_what_is_wider(
    lab: Lab, fault: Fault
) -> None:
    datum = {"a": -(2**31), "b": 2**31 - 1, "c": 0.5, "d": "é", "e": 2**24 + 1, "f": 1}
    schemas = lab.versions(lab.first, WIDER)[1:]
    written = lab.over_the_broker(schemas, datum)
    for reader, writer in product(range(5), range(5)):
        decoded = lab.codec.decode(written[writer], schemas[reader])
        if reader < writer:
            assert {bad.error_class for bad in decoded.bad} == {"IncompatibleSchema"}, (reader, writer)
            assert len(decoded.bad) == ROWS
            continue
        assert not decoded.bad, (reader, writer, decoded.bad[0])
        for name, value in datum.items():
            expected = _as(_field(schemas[reader].fields, name)["type"], value)
            assert decoded.rows.column(name).to_pylist() == [expected] * ROWS, (reader, writer, name)
    for back in schemas[:-1]:
        with pytest.raises(ConfigError, match="would not be readable"):
            lab.record(back.json)
    fault.figures |= {"pairs_read": 15, "pairs_set_aside": 10}


BROKEN: dict[str, Change] = {
    "distance": retype(distance=["null", "string"]),
    "weight": lambda fields: fields.append({"name": "weight", "type": "double"}),
    "scheduled_at": retype(scheduled_at={"type": "long", "logicalType": "timestamp-micros"}),
    "tail_number": retype(tail_number=["null", "long"]),
    "fleet": lambda fields: (drop("flight")(fields), fields.append({"name": "fleet", "type": "int"})),
}


@pytest.mark.timeout(120)
@pytest.mark.fault(id=10, name="Schema evolution", variant="refused", limit="incompatible changes are refused")
def test_an_incompatible_change_is_refused_by_the_check_and_by_the_command(
    root: Path, tmp_path: Path, fault: Fault
) -> None:
    from tidemill_cli.commands.platform.topics import topics

    schemas, models = tmp_path / "schemas", load_models(root / "models", [MODEL])
    shutil.copytree(root / "schemas", schemas)
    path = schemas / "models" / f"{MODEL}.avsc"
    before = path.read_text()
    given = {"TIDEMILL_SCHEMAS": schemas, "TIDEMILL_MODELS": MODEL, "TIDEMILL_MODELS_DIR": root / "models"}
    environment = {name: str(value) for name, value in given.items()} | {"TIDEMILL_RUN_FILE": str(tmp_path / "none")}
    assert CliRunner().invoke(topics, ["check"], env=environment).exit_code == 0
    fault.figures["refused"] = []
    for name, change in BROKEN.items():
        text = json.loads(before)
        change(text["fields"])
        path.write_text(json.dumps(text))
        problems = check_history(schemas, models)  # tests/contract holds this of the repository, in CI
        assert any(f".{name}" in problem for problem in problems), (name, problems)
        done = CliRunner().invoke(topics, ["check"], env=environment)
        assert done.exit_code == 1
        assert f".{name}" in done.output and "Traceback" not in done.output
        fault.figures["refused"] += sorted({name + problem.partition(f".{name}")[2] for problem in problems} - {name})
