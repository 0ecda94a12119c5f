"""Topics of a model that must get more partitions, because one beside them has got more.

A record keeps its partition number from raw to predictions, so each topic of a model must have as many partitions as
the one that has most. Kafka can add partitions and never takes any away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import RetryLater
from tidemill.kafka.client.refusals import explain

__all__ = ["counts_of_models", "grow", "lacking", "partition_counts", "to_grow", "unequal", "widen"]

CURE = "`tidemill topics apply` adds the partitions that are missing, or writes a script for whoever may"


def partition_counts(admin: AdminClient | Consumer, topics: Iterable[str], timeout_s: float = 10.0) -> dict[str, int]:
    """Number of partitions of each of `topics` that exists; raises RetryLater without brokers."""
    try:
        known = admin.list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        refused = getattr(admin, "refused", None)
        raise RetryLater(refused or f"the Kafka brokers do not answer: {explain(error.args[0])}") from error
    return {name: len(known[name].partitions) for name in topics if name in known and not known[name].error}


def counts_of_models(
    catalog: TopicCatalog, models: Iterable[str], present: Mapping[str, int], setting: int
) -> dict[str, int]:
    """Partition count by model, for those whose topics, or sources, say it: as many as the one that has most.

    `present`: count by topic, of all that exist. `setting`: what new topics get where nothing else says it. A model
    without a source whose topics are fewer than that is left out: nobody asked for them to grow.
    """
    found: dict[str, int] = {}
    for model in models:
        counts = [present[name] for name in catalog.model_topics(model).values() if name in present]
        if counts and (catalog.external_topics(model) or max(counts) >= setting):
            found[model] = max(counts)
    return found


def to_grow(catalog: TopicCatalog, model: str, present: Mapping[str, int]) -> dict[str, int]:
    """The partition count to grow to of each topic of the model's own that has fewer than another of its topics, in
    the order to grow them: what is written to before what is read, so that no worker meets a partition that its
    outputs have not.
    """
    topics = {role: name for role, name in catalog.model_topics(model).items() if name in present}
    most = max((present[name] for name in topics.values()), default=0)
    return {
        name: most
        for role, name in reversed(topics.items())  # topics.yaml has them in the order of the flow
        if present[name] < most and not catalog.is_external(role, model)
    }


def grow(admin: AdminClient, wanted: Mapping[str, int], timeout_s: float = 20.0) -> dict[str, str]:
    """Add partitions, one topic after the other. Where one is refused, its reason; nothing after it is tried then."""
    for name, count in wanted.items():
        future = admin.create_partitions([NewPartitions(name, count)], request_timeout=timeout_s)[name]
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.INVALID_PARTITIONS:  # another process was faster
                return {name: explain(error.args[0])}
    return {}


def unequal(catalog: TopicCatalog, model: str, present: Mapping[str, int]) -> str | None:
    """What is wrong with the partition counts of a model's topics, and what to type; None where they are equal."""
    topics = catalog.model_topics(model)
    counts = {name: present[name] for name in topics.values() if name in present}
    if len(set(counts.values())) < 2:
        return None
    listed = ", ".join(f"{name}={count}" for name, count in sorted(counts.items()))
    cures = [CURE] if to_grow(catalog, model, present) else []
    small = [n for n in catalog.external_topics(model).values() if counts.get(n, 0) < max(counts.values())]
    if small:
        cures.append(f"whoever owns {', '.join(small)} adds partitions there")
    return f"topics of {model} must have equal partition counts: {listed}; {' and '.join(cures)}"


def lacking(catalog: TopicCatalog, model: str, present: Mapping[str, int]) -> str | None:
    """Which topics of a model are not there, and what to do; None where all are."""
    sources = set(catalog.external_topics(model).values())
    missing = sorted(set(catalog.model_topics(model).values()) - present.keys())
    theirs, ours = [n for n in missing if n in sources], [n for n in missing if n not in sources]
    told = []
    if theirs:
        told.append(
            f"the source of {model} is not there, or may not be seen: {', '.join(theirs)}; whoever owns it creates it"
            f" or lets this process read it, or the model file's `source:` names another; it is not created here"
        )
    if ours:
        told.append(f"topics of {model} are missing: {', '.join(ours)}; create them with `tidemill topics apply`")
    return "; ".join(told) or None


def widen(admin: AdminClient, catalog: TopicCatalog, model: str) -> str | None:
    """Have all topics of a model grow to the one that has most; what stands in the way and what to type, None where
    nothing does. Raises RetryLater without brokers.
    """
    present = partition_counts(admin, catalog.model_topics(model).values())
    refused = grow(admin, to_grow(catalog, model, present))
    if not refused:
        return lacking(catalog, model, present)
    name, why = next(iter(refused.items()))
    return f"{unequal(catalog, model, present)} ({name} may not be altered by this process: {why})"
