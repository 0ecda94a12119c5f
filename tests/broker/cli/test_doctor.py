"""Doctor on a real broker: what it finds, what it says to do, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.partitioner import partition_of
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.topics import ensure_topics
from tidemill.settings import KafkaSettings
from tidemill_cli.app import cli

MODEL = "flight-delay"
PARTITIONS = 4
KEYS = [b"N%05d" % number for number in range(60)]


@pytest.fixture
def settings(kafka: str, prefix: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    given = {
        "KAFKA_BOOTSTRAP": kafka, "PREFIX": prefix, "MODELS": MODEL, "PARTITIONS": str(PARTITIONS),
        "SCHEMAS": str(root / "schemas"), "MODELS_DIR": str(root / "models"),
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", value)
    return KafkaSettings()


def doctor(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(cli, ["doctor", "--json", *arguments])
    return result.exit_code, json.loads(result.stdout)


def test_labels_written_by_another_partitioner_are_found(settings: KafkaSettings, root: Path) -> None:
    catalog = TopicCatalog.load(root / "schemas", settings.prefix)
    ensure_topics(admin(settings), catalog, [MODEL], PARTITIONS)
    events, labels = catalog.name("raw", MODEL), catalog.name("labels_raw", MODEL)
    values: list[bytes | None] = [b"x"] * len(KEYS)
    with Publisher(settings) as publisher:
        publisher.publish_all([Output(events, values, KEYS), Output(labels, values, KEYS)])
        code, findings = doctor()
        assert code == 0, findings
        elsewhere = [(partition_of(key, PARTITIONS) + 1) % PARTITIONS for key in KEYS]
        publisher.publish_all([Output(labels, values, KEYS, elsewhere)])

    code, findings = doctor()
    (failed,) = [finding for finding in findings if finding["verdict"] == "fail"]
    assert code == 1
    assert failed["check"] == "partitioner"
    assert f"{labels}: 60 of 120 keys (50%) are not where murmur2 puts them" in failed["text"]
    assert "labels do not meet their predictions" in failed["text"]
    assert "murmur2_random" in failed["todo"]


def test_missing_topics_are_one_finding_and_transactional_ids_are_tried_on_request(settings: KafkaSettings) -> None:
    code, findings = doctor("--service", "validator", "--try-transactions")

    assert code == 1
    assert [f["check"] for f in findings if f["verdict"] == "fail"] == ["topics"]
    assert f"transactional ids {settings.prefix}validator-* may be used" in [f["text"] for f in findings]
