"""What the embedded broker is told: its properties, its JVM's options and its logging, as text."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tidemill_embedded.ports import HOST

# One machine, one node, some hundred partitions, a few thousand records a second: what is sized for clusters
# is made small. The budget is 450 MB of memory, JVM and all.
JVM_OPTIONS = (
    "-Xms128m",
    "-Xmx320m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:+UseCompactObjectHeaders",
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:MaxDirectMemorySize=64m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dkafka.logs.dir=.",
)

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "num.partitions": "4",
    "default.replication.factor": "1",
    "message.max.bytes": str(4 * 1024 * 1024),
    "log.message.timestamp.type": "LogAppendTime",
    # internal topics: one replica, few partitions
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # a member that joins, leaves or dies is noticed soon
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "2000",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.session.timeout.ms": "10000",
    "group.consumer.min.session.timeout.ms": "2000",
    # after a kill it may come back as soon as its former self has timed out
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    # a transaction whose producer died is aborted within a second of its timeout
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # sized for one machine
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "log.cleaner.io.buffer.size": str(256 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
    "log.segment.bytes": str(256 * 1024 * 1024),
    "metric.reporters": "",
}


def server_properties(
    data: Path,
    port: int,
    controller_port: int,
    *,
    relayed: tuple[int, int] | None = None,
    more: Mapping[str, str] | None = None,
) -> str:
    """`server.properties` of a broker on `port` of this machine that keeps its logs in `data`.

    `relayed`: (port, port advertised for it) of a second listener, for clients that come through a proxy; the
    broker itself keeps to the first. `more`: settings over ours.
    """
    listeners = f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}"
    advertised = f"PLAINTEXT://{HOST}:{port}"
    if relayed is not None:
        listeners += f",RELAYED://{HOST}:{relayed[0]}"
        advertised += f",RELAYED://{HOST}:{relayed[1]}"
    settings = SETTINGS | {
        "listeners": listeners,
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,RELAYED:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(data),
        **(more or {}),
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def log4j_properties(log: Path) -> str:
    """Log4j 2's configuration: warnings, and Kafka's own news, into one file of bounded size."""
    return f"""status = error
name = tidemill-kafka
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log}
appender.file.filePattern = {log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %c{{1}}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
logger.loader.name = org.apache.kafka.common.config
logger.loader.level = warn
logger.loading.name = org.apache.kafka.coordinator.group
logger.loading.level = info
"""


def java_command(
    java: Path, jars: Sequence[Path], main: str, *arguments: str, options: Sequence[str] = ()
) -> list[str]:
    """The command that runs a main class of Kafka's."""
    return [str(java), *options, "-cp", ":".join(str(jar) for jar in jars), main, *arguments]


def new_cluster_id() -> str:
    """A random id in the form that Kafka wants: 16 bytes as 22 URL-safe characters, the first no dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
