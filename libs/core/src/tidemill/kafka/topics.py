"""Create the topics that are missing, and check that those of one model fit together."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.refusals import explain

__all__ = ["check_equal_partitions", "ensure_topics", "partition_counts"]

REPLICATION_OF_BROKER = -1
"""Asks the cluster for its own default replication factor."""


def partition_counts(admin: AdminClient, topics: Iterable[str], timeout_s: float = 10.0) -> dict[str, int]:
    """Number of partitions of each of ``topics`` that exists; raises RetryLater without brokers."""
    try:
        known = admin.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        refused = getattr(admin, "refused", None)
        raise RetryLater(refused or f"the Kafka brokers do not answer: {explain(error.args[0])}") from error
    return {name: len(known[name].partitions) for name in topics if name in known and not known[name].error}


def ensure_topics(
    admin: AdminClient,
    catalog: TopicCatalog,
    models: Iterable[str],
    partitions: int,
    *,
    replication: int = REPLICATION_OF_BROKER,
    timeout_s: float = 60.0,
) -> dict[str, int]:
    """Create every topic of the platform and of ``models`` that is missing; returns the partition count of
    each.

    ``partitions`` is for topics whose count is the model's; where a model has a source of its own, the source's
    count holds. ``replication`` is the number of replicas, -1 for the cluster's own default. A topic that exists
    keeps its settings. Waits until all are visible.

    Raises ConfigError where one exists with another number of partitions or may not be created, RetryLater where the
    brokers do not answer or the topics are not visible in time.
    """
    models = list(models)
    owners, given = catalog.all_topics(models), _external_counts(admin, catalog, models)
    wanted = {name: catalog.spec(role) for name, (role, _) in owners.items()}
    counts = {name: wanted[name].partitions or given.get(model, partitions) for name, (_, model) in owners.items()}
    present = partition_counts(admin, wanted)
    _refuse_other_counts(present, counts)
    missing = [
        NewTopic(name, counts[name], replication, config=dict(spec.config))
        for name, spec in wanted.items()
        if name not in present
    ]
    if missing:
        _create(admin, missing, timeout_s)
        present = _await_visible(admin, counts, timeout_s)
        _refuse_other_counts(present, counts)
    return present


def check_equal_partitions(admin: AdminClient, catalog: TopicCatalog, models: Iterable[str]) -> dict[str, int]:
    """Partition count of each model; raises ConfigError where a model's topics differ or one is missing.

    Equal counts hold key order end to end and let labels meet predictions in one process.
    """
    result: dict[str, int] = {}
    for model in models:
        names = [catalog.name(spec.role, model) for spec in catalog.specs if spec.per_model and spec.partitions is None]
        counts = partition_counts(admin, names)
        missing = sorted(set(names) - counts.keys())
        if missing:
            raise ConfigError(
                f"topics of {model} are missing: {', '.join(missing)}; create them with `tidemill topics`"
            )
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name}={count}" for name, count in sorted(counts.items()))
            raise ConfigError(f"topics of {model} must have equal partition counts: {listed}")
        result[model] = next(iter(counts.values()))
    return result


def _external_counts(admin: AdminClient, catalog: TopicCatalog, models: Iterable[str]) -> dict[str | None, int]:
    """Partition count by model, for models that read topics of someone else's."""
    result: dict[str | None, int] = {}
    for model in models:
        names = catalog.external_topics(model)
        counts = partition_counts(admin, names.values()) if names else {}
        missing = sorted(set(names.values()) - counts.keys())
        if missing:
            raise ConfigError(
                f"the source of {model} is not there, or may not be seen: {', '.join(missing)}; it is not created here"
            )
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name}={count}" for name, count in sorted(counts.items()))
            raise ConfigError(f"the sources of {model} must have equal partition counts: {listed}")
        if counts:
            result[model] = next(iter(counts.values()))
    return result


def _refuse_other_counts(present: dict[str, int], wanted: dict[str, int]) -> None:
    wrong = [f"{name} has {present[name]}, not {wanted[name]}" for name in present if present[name] != wanted[name]]
    if wrong:
        raise ConfigError(
            f"partition counts differ from the settings: {'; '.join(sorted(wrong))}. "
            "Set TIDEMILL_PARTITIONS to what is there, or use another TIDEMILL_PREFIX"
        )


def _create(admin: AdminClient, topics: list[NewTopic], timeout_s: float) -> None:
    for name, future in admin.create_topics(topics, request_timeout=timeout_s).items():
        try:
            future.result()
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue  # another process was faster
            if reason.retriable() or reason.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                raise RetryLater(f"topic {name} could not be created now: {reason.str()}") from error
            raise ConfigError(f"topic {name} could not be created: {explain(reason)}") from error


def _await_visible(admin: AdminClient, wanted: dict[str, int], timeout_s: float) -> dict[str, int]:
    deadline = time.monotonic() + timeout_s
    while True:
        present = partition_counts(admin, wanted)
        if all(present.get(name, 0) > 0 for name in wanted):
            return present
        if time.monotonic() > deadline:
            raise RetryLater(f"topics are not visible yet: {', '.join(sorted(set(wanted) - present.keys()))}")
        time.sleep(0.1)
