"""Configurations of the Kafka clients, in one place: what delivery guarantees rest on is set here.

librdkafka's partitioner differs from Java's and aiokafka's by default: `murmur2_random` agrees with them.
"""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AdminClient

from tidemill.kafka.client.logs import client_logger
from tidemill.kafka.client.refusals import ClientErrors
from tidemill.kafka.pass_through.librdkafka import librdkafka_config
from tidemill.settings import KafkaSettings

__all__ = ["Admin", "Config", "admin", "client_config", "consumer_config", "member_config", "producer_config"]

Config = dict[str, Any]
_CLASSIC_ONLY = frozenset(
    {"partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms", "group.protocol.type"}
)


def client_config(settings: KafkaSettings, name: str) -> Config:
    """What every client shares: addresses, patient reconnects, logs through Python's logging."""
    logger = client_logger(name)
    config: Config = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": f"{settings.prefix}{name}",
        "reconnect.backoff.ms": 250,  # a broker that is away is retried for ever, but quietly
        "reconnect.backoff.max.ms": 2_000,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
        "logger": logger,
        "error_cb": ClientErrors(logger),
    }
    return config | librdkafka_config(settings.kafka_client)


def consumer_config(settings: KafkaSettings, group: str, **over: Any) -> Config:
    """A consumer of committed records that never commits by itself; `over` has `_` for `.` in names."""
    config = client_config(settings, group.removeprefix(settings.prefix))
    config |= {
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.heartbeat_ms,
        "max.poll.interval.ms": 300_000,
        "fetch.wait.max.ms": 50,  # the broker's patience is part of every record's latency
        "fetch.error.backoff.ms": 100,
        "fetch.queue.backoff.ms": 20,  # a full buffer is looked at again; by default after 1 s
        "queued.min.messages": 100_000,
        "queued.max.messages.kbytes": settings.fetch_buffer_kb,
        "max.partition.fetch.bytes": 1_048_576,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
    return _finished(settings, config, over)


def member_config(settings: KafkaSettings, group: str, **over: Any) -> Config:
    """A consumer of a group that hands partitions over one by one, under the protocol of the settings.

    Only for members whose callbacks are incremental and which need no two topics' partitions together. With the new
    protocol the brokers assign, and decide on session timeout and heartbeat: the client refuses to be told those.
    """
    config = consumer_config(settings, group, **over)
    if settings.group_protocol == "consumer":
        config = {name: value for name, value in config.items() if name not in _CLASSIC_ONLY}
        config["group.protocol"] = "consumer"
    return config


def producer_config(settings: KafkaSettings, transactional_id: str | None = None, **over: Any) -> Config:
    """An idempotent producer (`acks=all`), transactional if an id is given."""
    name = (transactional_id or "producer").removeprefix(settings.prefix)
    config = client_config(settings, name)
    config |= {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "compression.type": settings.compression,
        "linger.ms": settings.linger_ms,
        # Topics bound records. The client's own bound must not come first: what raw has taken must fit into
        # clean or dead letters. Batches stay below `batch.size` all the same.
        "message.max.bytes": 16_777_216,
        "batch.size": 1_000_000,
        "batch.num.messages": 10_000,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": 131_072,
    }
    if transactional_id is not None:
        config |= {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": settings.transaction_timeout_ms,
            "delivery.report.only.error": True,  # the commit tells; a report per record only costs time
        }
    return _finished(settings, config, over)


class Admin(AdminClient):
    """An admin client that knows why the brokers refuse it, where they do."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._errors: ClientErrors = config["error_cb"]

    @property
    def refused(self) -> str | None:
        """What the brokers said to the credentials, and what to do; None where they have not refused them."""
        self.poll(0)  # callbacks are served within calls of the client alone
        return self._errors.refused


def admin(settings: KafkaSettings) -> Admin:
    """An admin client; connects when it is first used."""
    return Admin(client_config(settings, "admin"))


def _finished(settings: KafkaSettings, config: Config, over: Config) -> Config:
    """A person's settings go over ours and the caller's: those that guarantees rest on were refused before."""
    return config | _dotted(over) | librdkafka_config(settings.kafka_client)


def _dotted(over: Config) -> Config:
    return {name.replace("_", ".") if "." not in name else name: value for name, value in over.items()}
