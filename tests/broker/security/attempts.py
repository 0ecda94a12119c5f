"""What one principal is let do: it tries every use of topics, groups and transactional ids on the real brokers, and
notes each answer. Only a refusal that names the right counts as one; any other error fails the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tidemill.kafka.client.clients import admin, client_config
from tidemill.kafka.pass_through.aio import aiokafka_config
from tidemill.settings import KafkaSettings
from tidemill_operations.provision.rights import GROUP, TOPIC, TRANSACTIONAL_ID

Use = tuple[str, str, str]
"""Kind of resource, name, operation."""

CLUSTER = "cluster"
_S = 30.0
_REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_LET = frozenset({KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.GROUP_ID_NOT_FOUND})
"""Answers that come after the right was looked at, and found."""


class Attempts:
    """Tries as the principal of `settings`. `answers`: each use that was tried, and whether the brokers let it."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin = admin(settings)
        self._config = client_config(settings, "attempts") | {"log_level": 0}
        self.answers: dict[Use, bool] = {}
        self.told: dict[str, set[str]] = {}
        """By topic that may be described: the operations that the brokers say are this principal's."""

    def let(self) -> set[Use]:
        return {use for use, let in self.answers.items() if let}

    def on_topics(self, names: list[str]) -> None:
        """`names` exist."""
        self._describe(names)
        self._write(names)
        self._read(names)
        client, several = self._admin, [(name, ConfigResource(ResourceType.TOPIC, name)) for name in names]
        by_resource = client.describe_configs([resource for _, resource in several], request_timeout=_S)
        self._note_all(TOPIC, "DESCRIBE_CONFIGS", {resource.name: f for resource, f in by_resource.items()})
        self._note_all(TOPIC, "CREATE", client.create_topics([NewTopic(n, 1, 1) for n in names], request_timeout=_S))
        more = [NewPartitions(name, 64) for name in names]
        self._note_all(TOPIC, "ALTER", client.create_partitions(more, request_timeout=_S))
        shorter = [ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)]
        changes = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=shorter) for name in names]
        altered = client.incremental_alter_configs(changes, request_timeout=_S)
        self._note_all(TOPIC, "ALTER_CONFIGS", {resource.name: future for resource, future in altered.items()})
        self._note_all(TOPIC, "DELETE", client.delete_topics(names, request_timeout=_S))

    def on_groups(self, names: Iterable[str], topic: str) -> None:
        """`topic`: any; a commit for it is tried in each group."""
        wanted = list(names)
        self._note_all(GROUP, "DESCRIBE", self._admin.describe_consumer_groups(wanted, request_timeout=_S))
        self._note_all(GROUP, "DELETE", self._admin.delete_consumer_groups(wanted, request_timeout=_S))
        for name in wanted:
            commit = ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 0)])
            committed = self._admin.alter_consumer_group_offsets([commit], request_timeout=_S)
            self._note(GROUP, name, "READ", _of_partition(committed[name]))

    def on_transactional_ids(self, names: list[str]) -> None:
        """Each begins as a producer of its own does."""
        with ThreadPoolExecutor(8) as pool:
            for name, error in zip(names, pool.map(self._begin, names), strict=True):
                self._note(TRANSACTIONAL_ID, name, "WRITE", error)

    def on_cluster(self, me: str) -> None:
        """What is everybody's: rights, logins, the brokers' settings. `me`: this principal's user name."""
        client = self._admin
        everything = AclBinding(
            ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, f"User:{me}", "*", AclOperation.ALL,
            AclPermissionType.ALLOW,
        )  # fmt: skip
        everybodys = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        login = UserScramCredentialUpsertion(me, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), b"another")
        less = [ConfigEntry("log.retention.ms", "1", incremental_operation=AlterConfigOpType.SET)]
        brokers = ConfigResource(ResourceType.BROKER, "1", incremental_configs=less)
        tried: dict[str, Mapping[Any, Future[Any]]] = {
            "give itself rights": client.create_acls([everything], request_timeout=_S),
            "change a login": client.alter_user_scram_credentials([login], request_timeout=_S),
            "change the brokers' settings": client.incremental_alter_configs([brokers], request_timeout=_S),
        }
        for operation, futures in tried.items():
            for future in futures.values():
                self._note(CLUSTER, "", operation, _error(future))
        # The client keeps a refusal to itself and gives no rights; there are some.
        seen = client.describe_acls(everybodys, request_timeout=_S).result()
        self.answers[CLUSTER, "", "see everybody's rights"] = bool(seen)

    def _describe(self, names: list[str]) -> None:
        wanted = TopicCollection(names)
        futures = self._admin.describe_topics(wanted, include_authorized_operations=True, request_timeout=_S)
        self._note_all(TOPIC, "DESCRIBE", futures)
        for name, future in futures.items():
            if self.answers[TOPIC, name, "DESCRIBE"]:
                self.told[name] = {operation.name for operation in future.result().authorized_operations}

    def _write(self, names: list[str]) -> None:
        producer = Producer(self._config | {"acks": "all"})
        for name in names:
            producer.produce(
                name, b"v", b"k", 0, on_delivery=lambda error, _, name=name: self._note(TOPIC, name, "WRITE", error)
            )
        assert producer.flush(_S) == 0, "the brokers did not answer every record"

    def _read(self, names: list[str]) -> None:
        """By one request that brokers answer topic by topic; consumers keep such an answer to themselves."""
        for name, partitions in asyncio.run(self._fetch(names)):
            error = KafkaError(partitions[0][1])
            self._note(TOPIC, name, "READ", error if error.code() else None)

    async def _fetch(self, names: list[str]) -> list[tuple[str, list[tuple[int, int]]]]:
        """By topic: partition and error code."""
        addresses = self._settings.kafka_bootstrap
        client = AIOKafkaClient(bootstrap_servers=addresses, **aiokafka_config(self._settings.kafka_client))
        await client.bootstrap()
        try:
            wanted = [(name, [(0, 0, 1_000)]) for name in names]
            answer = await client.send(client.get_random_node(), FetchRequest(100, 0, 1_000_000, 0, wanted))
        finally:
            await client.close()
        return [(name, [part[:2] for part in partitions]) for name, partitions in answer.topics]

    def _begin(self, transactional_id: str) -> KafkaError | None:
        try:
            Producer(self._config | {"transactional.id": transactional_id}).init_transactions(_S)
        except KafkaException as error:
            return error.args[0]  # type: ignore[no-any-return]
        return None

    def _note_all(self, kind: str, operation: str, futures: Mapping[str, Future[Any]]) -> None:
        for name, future in futures.items():
            self._note(kind, name, operation, _error(future))

    def _note(self, kind: str, name: str, operation: str, error: KafkaError | None) -> None:
        refused = error is not None and error.code() in _REFUSALS
        assert refused or error is None or error.code() in _LET, f"{operation} on {kind} {name}: {error}"
        use = kind, name, operation
        self.answers[use] = self.answers.get(use, False) or not refused


def _error(future: Future[Any]) -> KafkaError | None:
    try:
        future.result()
    except KafkaException as error:
        return error.args[0]  # type: ignore[no-any-return]
    return None


def _of_partition(future: Future[Any]) -> KafkaError | None:
    """What became of a commit, so far as it is about the group: it is looked at before the topic."""
    error = _error(future) or future.result().topic_partitions[0].error
    return None if error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED else error
