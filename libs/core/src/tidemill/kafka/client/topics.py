"""Create the topics that are missing, and see that those of one model fit together."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.client.refusals import explain
from tidemill.kafka.partitions.growth import counts_of_models, lacking, partition_counts, unequal, widen

__all__ = ["check_equal_partitions", "check_topics", "ensure_topics", "partition_counts"]

_log = logging.getLogger(__name__)

REPLICATION_OF_BROKER = -1
"""Asks the cluster for its own default replication factor."""


def ensure_topics(
    admin: AdminClient,
    catalog: TopicCatalog,
    models: Iterable[str],
    partitions: int,
    *,
    replication: int = REPLICATION_OF_BROKER,
    timeout_s: float = 60.0,
) -> dict[str, int]:
    """Create every topic of the platform and of `models` that is missing; returns the partition count of each.

    `partitions` is for new topics whose count is the model's. Where topics of a model exist, or it has a source of
    its own, the one with most partitions says the count: the model's other topics grow to it, and where they may not,
    that is logged with what to type, and that model alone waits. `replication` is the number of replicas, -1 for the
    cluster's own default. Waits until all are visible.

    A model whose source is missing waits by itself: that is logged, and of its topics those are made of which a topic
    that is there says the count. Raises ConfigError where that is so of all models, where a topic exists with another
    number of partitions and nothing else asks for more, or where one may not be created; RetryLater where the brokers
    do not answer or the topics are not visible in time.
    """
    models = _with_a_count(admin, catalog, list(models))
    owners = catalog.all_topics(models)
    wanted = {name: catalog.spec(role) for name, (role, _) in owners.items()}
    sources = [name for model in models for name in catalog.external_topics(model).values()]

    def planned(present: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
        of_model = counts_of_models(catalog, models, present, partitions)
        counts = {
            name: wanted[name].partitions or of_model.get(model or "", partitions)
            for name, (_, model) in owners.items()
        }
        _refuse_other_counts(present, {name: n for name, n in counts.items() if owners[name][1] not in of_model})
        return of_model, counts

    present = partition_counts(admin, [*wanted, *sources])
    of_model, counts = planned(present)
    missing = [
        NewTopic(name, counts[name], replication, config=dict(spec.config))
        for name, spec in wanted.items()
        if name not in present
    ]
    if missing:
        _create(admin, missing, timeout_s)
        _await_visible(admin, dict.fromkeys(counts, 1), timeout_s)
        of_model, counts = planned(partition_counts(admin, [*wanted, *sources]))  # some were there, and not seen yet
    stuck = {model for model in of_model if _stays_unequal(admin, catalog, model)}
    grown = {name: counts[name] if owners[name][1] not in stuck else 1 for name in counts}
    return _await_visible(admin, grown, timeout_s)


def check_topics(admin: AdminClient, catalog: TopicCatalog, models: Iterable[str]) -> dict[str, str]:
    """The models of which topics are missing, and what to do: each waits by itself, and that is logged. Raises
    ConfigError where that is so of all. Logs, too, where those of one model have unequally many partitions.
    """
    models, waiting = list(models), {}
    for model in models:
        counts = partition_counts(admin, catalog.model_topics(model).values())
        lacks = lacking(catalog, model, counts)
        if lacks is not None:
            waiting[model] = lacks
        problem = unequal(catalog, model, counts)
        if problem is not None:
            _log.error("%s", problem, extra={"model": model})
    _refuse_all(waiting, models)
    return waiting


def check_equal_partitions(admin: AdminClient, catalog: TopicCatalog, models: Iterable[str]) -> dict[str, int]:
    """Partition count of each model; raises ConfigError where a model's topics differ or one is missing.

    Equal counts hold key order end to end and let labels meet predictions in one process.
    """
    result: dict[str, int] = {}
    for model in models:
        counts = _counts_of(admin, catalog, model)
        problem = unequal(catalog, model, counts)
        if problem is not None:
            raise ConfigError(problem)
        result[model] = next(iter(counts.values()))
    return result


def _counts_of(admin: AdminClient, catalog: TopicCatalog, model: str) -> dict[str, int]:
    counts = partition_counts(admin, catalog.model_topics(model).values())
    lacks = lacking(catalog, model, counts)
    if lacks is not None:
        raise ConfigError(lacks)
    return counts


def _stays_unequal(admin: AdminClient, catalog: TopicCatalog, model: str) -> bool:
    problem = widen(admin, catalog, model)
    if problem is not None:
        _log.error("%s", problem, extra={"model": model})
    return problem is not None


def _with_a_count(admin: AdminClient, catalog: TopicCatalog, models: list[str]) -> list[str]:
    """The models but those whose source is missing and of which nothing else is there that says how many partitions
    they have. Raises ConfigError where the sources of all are missing.
    """
    waiting, counted = {}, []
    for model in models:
        sources, topics = catalog.external_topics(model).values(), catalog.model_topics(model).values()
        present = partition_counts(admin, topics) if sources else {}
        if set(sources) - present.keys():
            waiting[model] = str(lacking(catalog, model, dict.fromkeys(set(topics) - set(sources), 1) | present))
        if not sources or present:
            counted.append(model)
    _refuse_all(waiting, models)
    return counted


def _refuse_all(waiting: dict[str, str], models: list[str]) -> None:
    """Raises ConfigError where all models wait; else says which do."""
    if waiting and len(waiting) == len(models):
        raise ConfigError("; ".join(waiting.values()))
    for model, why in waiting.items():
        _log.error("%s waits, the others go on: %s", model, why, extra={"model": model})


def _refuse_other_counts(present: dict[str, int], wanted: dict[str, int]) -> None:
    wrong = [f"{name} has {present[name]}, not {n}" for name, n in wanted.items() if present.get(name, n) != n]
    if wrong:
        raise ConfigError(
            f"partition counts differ from the settings: {'; '.join(sorted(wrong))}. Set TIDEMILL_PARTITIONS to what "
            "is there (it is for the topics of new models), or use another TIDEMILL_PREFIX"
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
        if all(present.get(name, 0) >= count for name, count in wanted.items()):
            return present
        if time.monotonic() > deadline:
            late = sorted(name for name, count in wanted.items() if present.get(name, 0) < count)
            raise RetryLater(f"topics are not visible yet: {', '.join(late)}")
        time.sleep(0.1)
