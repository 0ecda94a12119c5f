"""Fault 10: five versions of a record, in flight together."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.faults.recording import Fault
from tests.faults.world import EPOCH_MS, MODEL
from tidemill.codec import Codec
from tidemill.contracts.history import check_history, record_history
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas import SchemaCatalog, make_schema
from tidemill.kafka.batch import Output
from tidemill.kafka.clients import admin
from tidemill.kafka.publisher import Publisher
from tidemill.kafka.scan import scan
from tidemill.settings import KafkaSettings

ROWS = 20


def versions(first: dict[str, Any]) -> list[dict[str, Any]]:
    """Five schemas: fields come with defaults, required and not, and one goes again."""
    made = [first]
    for change in (
        _add("gate", ["null", "string"], None),
        _add("seats", "int", 150),
        _drop("gate"),
        _add("delay", ["null", "double"], None),
    ):
        copy = json.loads(json.dumps(made[-1]))
        change(copy["fields"])
        made.append(copy)
    return made


def _add(name: str, kind: Any, default: Any):  # type: ignore[no-untyped-def]
    return lambda fields: fields.append({"name": name, "type": kind, "default": default, "doc": "New."})


def _drop(name: str):  # type: ignore[no-untyped-def]
    return lambda fields: fields.remove(next(field for field in fields if field["name"] == name))


@pytest.mark.timeout(120)
@pytest.mark.fault(id=10, name="Schema evolution", variant="pairs", limit="five versions, every pair decodes")
def test_every_version_reads_what_every_version_wrote(
    kafka: str, prefix: str, root: Path, tmp_path: Path, fault: Fault
) -> None:
    schemas, models = tmp_path / "schemas", load_models(root / "models", [MODEL])
    shutil.copytree(root / "schemas", schemas)
    path = schemas / "models" / f"{MODEL}.avsc"
    texts = versions(json.loads(path.read_text()))
    for text in texts:
        path.write_text(json.dumps(text))
        record_history(schemas, models)
    assert check_history(schemas, models) == []
    codec = Codec(SchemaCatalog.load(schemas, models))
    settings, topic = KafkaSettings(kafka_bootstrap=kafka, prefix=prefix), f"{prefix}versions"
    from confluent_kafka.cimpl import NewTopic

    client = admin(settings)
    for future in client.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result()
    made = [make_schema(MODEL, text) for text in texts]
    with Publisher(settings) as publisher:
        for number, schema in enumerate(made):
            values = [codec.encode_one(row(text=schema.json, number=number * ROWS + k), schema) for k in range(ROWS)]
            publisher.publish_all([Output(topic, values)])
    values = [value for batch in scan(settings, topic) for value in batch.values]
    for reader, writer in product(range(5), range(5)):
        decoded = codec.decode(values[writer * ROWS : (writer + 1) * ROWS], made[reader])
        assert not decoded.bad, (reader, writer, decoded.bad[0])
        assert decoded.rows.column("flight").to_pylist() == [writer * ROWS + k for k in range(ROWS)]
    mixed = codec.decode(values, made[-1])
    assert not mixed.bad and mixed.rows.num_rows == 5 * ROWS
    fault.figures |= {"pairs": 25, "records": len(values)}


def row(text: dict[str, Any], number: int) -> dict[str, Any]:
    """A datum of a version's schema."""
    known = {"event_id": f"e{number}", "scheduled_at": EPOCH_MS, "flight": number, "seats": 120, "gate": "B7"}
    return {field["name"]: known.get(field["name"]) for field in text["fields"]}


@pytest.mark.timeout(120)
@pytest.mark.fault(id=10, name="Schema evolution", variant="refused", limit="incompatible changes are refused")
def test_an_incompatible_change_is_refused_by_the_check_and_by_the_command(
    kafka: str, root: Path, tmp_path: Path, fault: Fault
) -> None:
    from tidemill_cli.commands.topics import topics

    schemas, models = tmp_path / "schemas", load_models(root / "models", [MODEL])
    shutil.copytree(root / "schemas", schemas)
    path = schemas / "models" / f"{MODEL}.avsc"
    text = json.loads(path.read_text())
    next(field for field in text["fields"] if field["name"] == "distance")["type"] = ["null", "string"]
    path.write_text(json.dumps(text))
    problems = check_history(schemas, models)
    assert any("distance" in problem for problem in problems), problems
    environment = {
        "TIDEMILL_KAFKA_BOOTSTRAP": kafka, "TIDEMILL_SCHEMAS": str(schemas), "TIDEMILL_MODELS": MODEL,
        "TIDEMILL_MODELS_DIR": str(root / "models"),
    }  # fmt: skip
    done = CliRunner().invoke(topics, ["check"], env=environment)
    fault.figures["refused"] = [problem[:120] for problem in problems]
    assert done.exit_code != 0
    assert "distance" in done.output + str(done.exception)
