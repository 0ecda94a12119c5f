"""A plan as a shell script of Kafka's own tools, for whoever has the right to run it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from tidemill_operations.provision.rights import Right
from tidemill_operations.provision.wanted import OF_BROKER, Change, Kind

_HEAD = """#!/bin/sh
# Written by `tidemill topics`. Creates the topics, settings and rights that are listed here; it may be run again.
#   BOOTSTRAP=HOST:PORT          the brokers
#   COMMAND_CONFIG=FILE          a client.properties with rights to do this (optional)
#   KAFKA_BIN=DIR                where kafka-topics.sh and its kin are (default: on the PATH)
set -eu
BOOTSTRAP="${{BOOTSTRAP:-{bootstrap}}}"
kafka() {{
    tool="$1"; shift
    "${{KAFKA_BIN:+$KAFKA_BIN/}}$tool" --bootstrap-server "$BOOTSTRAP" \\
        ${{COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"}} "$@"
}}
"""


def script(bootstrap: str, changes: Iterable[Change], rights: Iterable[Right], *, configs: bool) -> str:
    """The script's text: partitions and topics that are missing, settings that differ if `configs`, rights."""
    lines = [_HEAD.format(bootstrap=bootstrap)]
    changes = list(changes)
    lines += [_grow(change) for change in reversed(changes) if change.kind is Kind.GROW]  # outputs before inputs
    for change in changes:
        if change.kind is Kind.CREATE:
            lines.append(_create(change))
        elif change.kind is Kind.CONFIG and configs:
            lines.append(_alter(change))
    lines += [_allow(right) for right in rights]
    return "\n".join(lines) + "\n"


def _create(change: Change) -> str:
    topic = change.topic
    words = ["kafka-topics.sh", "--create", "--if-not-exists", "--topic", topic.name]
    words += ["--partitions", str(topic.partitions)]
    if topic.replication != OF_BROKER:
        words += ["--replication-factor", str(topic.replication)]
    for name, value in topic.config.items():
        words += ["--config", f"{name}={value}"]
    return "kafka " + shlex.join(words)


def _grow(change: Change) -> str:
    words = ["kafka-topics.sh", "--alter", "--topic", change.topic.name, "--partitions", str(change.topic.partitions)]
    return f"kafka {shlex.join(words)} || echo 'not grown, perhaps since it has grown already' >&2"


def _alter(change: Change) -> str:
    values = ",".join(f"{name}={should}" for name, (_, should) in change.config.items())
    words = ["kafka-configs.sh", "--alter", "--entity-type", "topics", "--entity-name", change.topic.name]
    return "kafka " + shlex.join([*words, "--add-config", values])


def _allow(right: Right) -> str:
    words = ["kafka-acls.sh", "--add", "--force", "--allow-principal", right.principal]
    words += ["--operation", right.operation.title().replace("_", ""), f"--{right.resource}", right.name]
    words += ["--resource-pattern-type", "prefixed" if right.prefixed else "literal"]
    return "kafka " + shlex.join(words)
