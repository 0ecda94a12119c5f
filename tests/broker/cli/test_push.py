"""`tidemill push` and `tidemill topics` against a real broker."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.cimpl import NewTopic

from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.history import UNSENT, unsent
from tidemill.kafka.batch import Output
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.partitioner import partition_of
from tidemill.kafka.client.publisher import Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.headers import TRACEPARENT, find
from tidemill_cli.app import cli
from tidemill_embedded.histories import keep_histories
from tidemill_operations.platform import PlatformView, find_platform
from tidemill_operations.standing.lag import Offsets

MODEL = "flight-delay"


@pytest.fixture
def view(kafka: str, prefix: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformView:
    """A platform of topics alone, named by the environment, in a folder without a platform file."""
    monkeypatch.chdir(tmp_path)
    settings = {"KAFKA_BOOTSTRAP": kafka, "PREFIX": prefix, "MODELS": MODEL}
    settings |= {"SCHEMAS": str(root / "schemas"), "MODELS_DIR": str(root / "models")}
    for name, value in settings.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", value)
    assert run("topics", "create").exit_code == 0
    return find_platform()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def flight(number: int, tail_number: str | None) -> str:
    return json.dumps(
        {
            "event_id": f"e{number}",
            "scheduled_at": "2013-01-01T10:15:00Z",
            "tail_number": tail_number,
            "flight": number,
        }
    )


def stored(view: PlatformView) -> list[tuple[int, bytes | None, dict[str, Any], bool]]:
    """Partition, key, record and whether it carries a trace context, of all that is on the raw topic."""
    record = view.schemas.record(MODEL)
    return [
        (partition, key, view.codec.decode_one(value, record), find(headers, TRACEPARENT) is not None)
        for batch in scan(view.settings, view.topics.name("raw", MODEL))
        for partition, key, value, headers in zip(
            batch.partitions, batch.keys, batch.values, batch.headers, strict=True
        )
    ]


def test_rows_are_stored_where_java_would_put_them_with_a_trace_context(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "flights.jsonl"
    path.write_text("\n".join(flight(number, f"N{number % 7}" if number % 3 else None) for number in range(50)))
    result = run("push", str(path), "--model", MODEL)
    assert result.exit_code == 0, result.output
    records = stored(view)
    assert {str(record["event_id"]) for _, _, record, _ in records} == {f"e{number}" for number in range(50)}
    for partition, key, record, traced in records:
        assert key == str(record["tail_number"] or record["event_id"]).encode()
        assert partition == partition_of(key, view.settings.partitions)
        assert traced


def test_a_pushed_file_is_not_pushed_again_and_a_longer_one_is_another_file(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "flights.jsonl"
    path.write_text(flight(1, "N1") + "\n")
    assert "1 rows stored" in run("push", str(path)).output
    assert "was pushed" in run("push", str(path)).output
    path.write_text(flight(1, "N1") + "\n" + flight(2, "N1") + "\n")
    assert "2 rows stored" in run("push", str(path)).output
    assert len(stored(view)) == 3


def test_a_row_that_does_not_fit_is_reported_and_the_others_are_stored(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "flights.jsonl"
    path.write_text(flight(1, "N1") + "\n" + flight(2, "N1").replace("10:15", "25:99") + "\n")
    result = run("push", str(path), "--report", str(tmp_path / "errors.jsonl"))
    assert result.exit_code == 1
    assert len(stored(view)) == 1
    error = json.loads((tmp_path / "errors.jsonl").read_text())
    assert (error["line"], error["field"]) == (2, "scheduled_at")


def test_topics_lists_the_contract_with_what_is_there(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "flights.jsonl"
    path.write_text(flight(1, "N1") + "\n")
    run("push", str(path))
    result = run("topics")
    assert result.exit_code == 0, result.output
    assert "missing" not in result.output
    assert "≈1" in result.output


def test_a_file_that_would_join_nothing_is_refused_before_anything_is_sent(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text("evnt_id,late,scheduled_at,observed_at\na,true,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z\n")
    refused = run("push", str(path), "--labels")
    assert refused.exit_code == 1 and "--map evnt_id=event_id" in refused.output and "--make-ids" in refused.output
    keyless = run("push", str(path), "--labels", "--map", "evnt_id=event_id")
    assert keyless.exit_code == 1 and "'tail_number'" in keyless.output and "--no-entity" in keyless.output
    assert run("push", str(path), "--no-entity").exit_code == 2, "it is for labels alone"
    batches = scan(view.settings, view.topics.name("labels_raw", MODEL))
    assert sum(len(batch) for batch in batches) == 0
    done = run("push", str(path), "--labels", "--map", "evnt_id=event_id", "--no-entity")
    assert done.exit_code == 0 and "1 rows stored" in done.output


def test_status_and_quality_tell_of_labels_without_event_and_open_letters(view: PlatformView) -> None:
    (model,) = json.loads(run("status", "--json").output)["models"]
    told = {name: model[name] for name in ("labels", "labels_without_event", "dead_letters_about")}
    assert told == {"labels": 0, "labels_without_event": 0, "dead_letters_about": 0} and model["dead_letters_exact"]
    assert "open dead letters" in run("status").output
    found = json.loads(run("quality", MODEL, "--json").output)
    assert found["labels_without_event"] == {"labels": 0, "orphans": 0, "newest": []}


def test_a_record_that_the_topic_is_too_small_for_costs_its_own_row(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "flights.jsonl"
    lines = [flight(number, "N1") for number in range(40)]
    lines[7] = flight(7, Random(7).randbytes(5_000_000).hex())  # half of it is left when it is compressed
    path.write_text("\n".join(lines))
    result = run("push", str(path), "--report", str(tmp_path / "errors.jsonl"))
    assert result.exit_code == 1
    assert "39 rows stored" in result.output
    assert {str(record["event_id"]) for _, _, record, _ in stored(view)} == {f"e{n}" for n in range(40) if n != 7}
    error = json.loads((tmp_path / "errors.jsonl").read_text())
    assert error["line"] == 8
    assert "max.message.bytes" in error["reason"]
    assert "was pushed" in run("push", str(path)).output


def test_times_in_1970_are_said_and_choices_reach_the_rows(view: PlatformView, tmp_path: Path) -> None:
    path = tmp_path / "flights.csv"
    path.write_text("event_id;scheduled_at;tail_number;distance\na;3600;NA;1,5\nb;7200;null;2\n", encoding="utf-16")
    said = ("--delimiter", ";", "--encoding", "utf-16", "--decimal-comma", "--null-word", "NA", "--time-unit", "s")
    result = run("push", str(path), *said)
    assert result.exit_code == 0, result.output
    assert "2 rows have times in 1970, the first in line 2" in result.output
    found = sorted((record["event_id"], record["scheduled_at"], key) for _, key, record, _ in stored(view))
    assert found == [("a", 3_600_000, b"a"), ("b", 7_200_000, b"null")]


def test_a_file_of_events_and_labels_is_sent_to_both_topics_and_labels_meet_their_events(
    view: PlatformView, tmp_path: Path
) -> None:
    lines = ["event_id,scheduled_at,tail_number,distance,late"]
    lines += [
        f"w{i},2013-01-01T10:{i:02}:00Z,N{i % 3},{'x' if i == 7 else 100},{['', 'yes', 'no'][i % 3]}" for i in range(9)
    ]
    (tmp_path / "both.csv").write_text("\n".join(lines) + "\n")
    result = run("push", "both.csv", "--model", MODEL, "--with-labels")
    assert result.exit_code == 1, result.output
    assert "1 rows were not sent" in result.output
    assert "6:00:00 after their events (target.delay" in result.output
    assert "3 rows have no label yet" in result.output
    events = {record["event_id"]: (record, key, partition) for partition, key, record, _ in stored(view)}
    schema = view.schemas.label(MODEL)
    labels = [
        (partition, key, view.codec.decode_one(value, schema))
        for batch in scan(view.settings, view.topics.name("labels_raw", MODEL))
        for partition, key, value in zip(batch.partitions, batch.keys, batch.values, strict=True)
    ]
    assert len(events) == 8 and sorted(label["event_id"] for *_, label in labels) == ["w1", "w2", "w4", "w5", "w8"]
    for partition, key, label in labels:
        record, of_event, there = events[label["event_id"]]
        assert (partition, key) == (there, of_event)
        assert label["label"] == (int(label["event_id"][1:]) % 3 == 1)
        assert (label["event_time"], label["observed_at"]) == (
            record["scheduled_at"],
            record["scheduled_at"] + 6 * 3_600_000,
        )
    again = run("push", "both.csv", "--model", MODEL, "--with-labels")
    assert again.output.count("was pushed to") == 2


def test_a_drafted_history_is_kept_for_good_once_a_record_was_on_a_topic(
    view: PlatformView, root: Path, tmp_path: Path
) -> None:
    schemas = tmp_path / "schemas"
    shutil.copytree(root / "schemas" / "models", schemas / "models")
    history = schemas / "models" / "history" / MODEL
    drafted = next(history.glob("*.avsc")).stem
    (history / UNSENT).write_text(f"{drafted}\n")

    def start() -> frozenset[str]:
        keep_histories(view.settings, view.topics, {MODEL: view.models[MODEL]}, schemas, print)
        return unsent(schemas, MODEL)

    assert start() == {drafted}
    (tmp_path / "one.jsonl").write_text(flight(1, "N1") + "\n")
    assert run("push", "one.jsonl", "--model", MODEL).exit_code == 0
    assert start() == frozenset()
    assert [path.stem for path in history.glob("*.avsc")] == [drafted]


def test_in_a_pipe_no_table_is_folded_and_with_json_nothing_else_is_on_standard_output(
    view: PlatformView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    path = tmp_path / "flights.jsonl"
    path.write_text(flight(1, "N1") + "\n" + flight(2, "N1").replace("10:15", "25:99") + "\n")
    sent = json.loads(run("push", str(path), "--json").stdout)
    topic = view.topics.name("raw", MODEL)
    assert [(one["topic"], one["rows"], one["wrong"]) for one in sent["stored"]] == [(topic, 1, 1)]
    applied = json.loads(run("topics", "apply", "--json").stdout)
    assert (applied["done"], applied["refused"]) == ([], [])
    rows = json.loads(run("topics", "--json").stdout)
    assert len(run("topics").stdout.splitlines()) == len(rows) + 1
    planned = run("topics", "plan").stdout.splitlines()
    assert sum(line.strip().startswith("keep") for line in planned) == len(rows)
    (model,) = json.loads(run("status", "--json").stdout)["models"]
    assert any(line.startswith(MODEL) and str(model["dead_letters_about"]) in line for line in _piped("status"))
    for command, whole in (("models", "no version yet"), (f"audit {MODEL}", "waiting"), (f"quality {MODEL}", topic)):
        assert any(whole in line for line in _piped(command)), command
    back = json.loads(run("dlq", "discard", "--model", MODEL, "--yes", "--json").stdout)
    assert (back["act"], back["count"], back["to"]) == ("discard", 0, None)
    assert json.loads(run("resume", MODEL, "--json").stdout)["model"] == MODEL


def _piped(command: str) -> list[str]:
    return run(*command.split()).stdout.splitlines()


def test_a_model_is_told_from_a_topic_which_is_only_read(
    view: PlatformView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("SCHEMAS", "MODELS_DIR", "MODELS"):
        monkeypatch.delenv(f"TIDEMILL_{setting}")
    topic, offsets = f"{view.settings.prefix}shop.orders", Offsets(view.settings)
    rows = [
        {"order_id": f"o{n}", "placed_at": f"2026-11-{1 + n // 60:02}T10:{n % 60:02}:00Z", "customer": f"c{n % 40}",
         "amount": n * 37 % 101 + 0.5, "fraud": n * 7919 % 11 < 3} for n in range(300)
    ]  # fmt: skip
    client = admin(view.settings)
    client.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    with Publisher(view.settings) as publisher:
        publisher.publish_all([Output(topic, [json.dumps(row).encode() for row in rows], [b"k"] * 300, [0] * 300)])
    groups = offsets.groups("")
    made = json.loads(run("models", "new", "--topic", topic, "--label", "fraud", "--name", "orders", "--json").stdout)
    spec = load_models(tmp_path / "models", ("orders",))["orders"]
    assert made["model"] == "orders" and spec.events is not None
    assert (spec.events.topic, spec.events.format, spec.event_id) == (topic, "json", "order_id")
    assert json.loads(run("check", "--json").stdout)["problems"] == []
    assert offsets.groups("") == groups and offsets.ends([topic]) == {(topic, 0): 300}
    frame = json.loads(run("top", "--once", "--json", "--every", "0.2").stdout)
    assert frame["problem"] is None and [model["model"] for model in frame["models"]] == ["orders"]
