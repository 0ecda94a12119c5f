"""What a cluster lacks, who must be allowed what, and the script for whoever may."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tidemill.contracts.topics import TopicCatalog
from tidemill_cli.rendering.provision import show
from tidemill_operations.backup.records import KEPT, MADE_AGAIN
from tidemill_operations.provision.planning import Plan
from tidemill_operations.provision.rights import GROUP, SERVICES, TOPIC, TRANSACTIONAL_ID, Right, rights
from tidemill_operations.provision.script import script
from tidemill_operations.provision.wanted import ExistingTopic, Kind, compare, wanted_topics


@pytest.fixture
def catalog(root: Path) -> TopicCatalog:
    return TopicCatalog.load(root / "schemas", "p-")


def test_a_cluster_without_topics_lacks_all_of_them(catalog: TopicCatalog) -> None:
    wanted = wanted_topics(catalog, ["m"], 6, 3)
    changes = compare(wanted, {})
    assert {change.kind for change in changes} == {Kind.CREATE}
    assert {c.topic.name for c in changes} == set(catalog.all_topics(["m"]))
    raw = next(topic for topic in wanted if topic.role == "raw")
    assert (raw.partitions, raw.replication, raw.config["cleanup.policy"]) == (6, 3, "delete")
    assert next(t for t in wanted if t.role == "model_versions").partitions == 1


def test_other_settings_are_told_and_other_partition_counts_stand_in_the_way(catalog: TopicCatalog) -> None:
    wanted = [topic for topic in wanted_topics(catalog, ["m"], 4) if topic.role in ("raw", "clean", "labels")]
    config = {topic.role: dict(topic.config) for topic in wanted}
    found = {
        "p-m-raw": ExistingTopic(4, 1, {**config["raw"], "retention.ms": "1"}),
        "p-m-clean": ExistingTopic(6, 1, config["clean"]),
        "p-m-labels": ExistingTopic(4, 1, {**config["labels"], "segment.ms": "9"}),
    }
    by_role = {change.topic.role: change for change in compare(wanted, found)}
    assert by_role["raw"].kind is Kind.CONFIG
    assert by_role["raw"].config == {"retention.ms": ("1", config["raw"]["retention.ms"])}
    assert by_role["clean"].kind is Kind.CONFLICT
    assert "TIDEMILL_PARTITIONS" in by_role["clean"].detail
    assert by_role["labels"].kind is Kind.KEEP


def test_each_service_may_do_no_more_than_the_contract_says(catalog: TopicCatalog) -> None:
    given = rights(catalog, ["m"], {service: f"User:{service}" for service in SERVICES})
    writes = {(r.principal, r.name) for r in given if r.resource == TOPIC and r.operation == "WRITE"}
    assert ("User:validator", "p-m-clean") in writes
    assert ("User:trainer", "p-model-versions") in writes
    assert {who for who, name in writes if name == "p-model-versions"} == {"User:trainer"}
    assert {who for who, name in writes if name == "p-m-clean"} == {"User:validator"}
    assert Right("User:inference", TRANSACTIONAL_ID, "p-inference-", "WRITE", True) in given
    assert Right("User:trainer", TRANSACTIONAL_ID, "p-release-m", "DESCRIBE") in given
    assert Right("User:drift", GROUP, "p-drift-detect-", "READ", True) in given
    assert not [r for r in given if r.principal == "User:ingest" and r.operation == "READ"]


def test_the_script_is_one_that_a_shell_runs(catalog: TopicCatalog, tmp_path: Path) -> None:
    changes = compare(wanted_topics(catalog, ["m"], 4, 3), {})
    given = rights(catalog, ["m"], {"ingest": "User:CN=a b"})
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("kafka-topics.sh", "kafka-acls.sh"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >> "{tmp_path}/calls"\n')
        (tools / name).chmod(0o755)
    text = script("b:9092", changes, given, configs=False)
    environment = {"KAFKA_BIN": str(tools), "COMMAND_CONFIG": "/c.properties", "PATH": "/usr/bin:/bin"}
    subprocess.run(["/bin/sh"], input=text, text=True, check=True, env=environment)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == len(changes) + len(given)
    assert all("--bootstrap-server b:9092 --command-config /c.properties" in call for call in calls)
    assert any("--topic p-m-raw --partitions 4 --replication-factor 3" in call for call in calls)
    assert any("--allow-principal User:CN=a b --operation Write --topic p-m-raw" in call for call in calls)


def test_a_plan_in_a_file_has_every_name_in_full(catalog: TopicCatalog, capsys: pytest.CaptureFixture[str]) -> None:
    model = "a-model-with-quite-a-long-name-as-teams-like-to-give-them"
    changes = tuple(compare(wanted_topics(catalog, [model], 6), {}))
    given = tuple(rights(catalog, [model], {"validator": "User:v", "ingest": "User:i"}))
    show(Plan("k:1", changes, given, named=True))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1 : 1 + len(changes)]] == list(catalog.all_topics([model]))
    assert "all of ours with message.timestamp.type=LogAppendTime" in lines
    assert [line for line in lines if line.startswith("User:")] == ["User:i", "User:v"]
    assert any(line.split()[-3:] == ["READ", "group", "p-validator-*"] for line in lines)


def test_a_backup_may_read_what_it_keeps_and_write_nothing(catalog: TopicCatalog) -> None:
    given = rights(catalog, ["m"], {"backup": "User:backup"})
    reads = {right.name.removeprefix("p-") for right in given if right.operation == "READ"}
    assert reads == {catalog.spec(role).pattern for role in KEPT}
    assert {right.operation for right in given} == {"READ", "DESCRIBE"}
    assert {right.name for right in given if right.resource == TOPIC} == set(catalog.all_topics(["m"]))
    assert not [right for right in given if right.resource == TRANSACTIONAL_ID]


def test_each_topic_of_the_platform_is_backed_up_or_it_is_said_why_not(catalog: TopicCatalog) -> None:
    assert {*KEPT, *MADE_AGAIN} == set(catalog.platform_topics())
    assert not {*KEPT} & {*MADE_AGAIN}
