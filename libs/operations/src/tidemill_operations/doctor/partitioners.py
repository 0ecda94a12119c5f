"""Do producers choose partitions as ours do? Told from the newest records: murmur2(key) % partitions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from tidemill.kafka.client.partitioner import partition_of
from tidemill_operations.doctor.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

NEWEST = 200
"""Records looked at in each partition."""
ENOUGH = 20
BOTH = 2
Sample: TypeAlias = Iterable[tuple[bytes | None, int]]
"""(key, partition) of records."""
ADVICE = (
    "set partitioner=murmur2_random in librdkafka's clients (Java's and aiokafka's have it by default), and begin with "
    "new topics: what is written stays where it is"
)


def check_partitioners(platform: PlatformView, partitions: dict[str, int]) -> list[Finding]:
    """One finding for each topic that people's producers write; labels by another partitioner are refused.

    A source of someone else's may have a partitioner of its own, as long as its events and labels have the same.
    """
    findings = []
    for model in platform.models:
        samples = {}
        for role in ("raw", "labels_raw"):
            topic = platform.topics.name(role, model)
            if topic not in partitions:
                continue
            samples[topic] = sample = list(_newest(platform, topic))
            if not platform.topics.is_external(role, model):
                findings.append(check_sample(topic, sample, partitions[topic], labels=role == "labels_raw"))
        if len(samples) == BOTH and any(platform.topics.is_external(role, model) for role in ("raw", "labels_raw")):
            (events, of_events), (labels, of_labels) = samples.items()
            findings.append(check_pair(events, labels, of_events, of_labels))
    return findings


def check_pair(events: str, labels: str, of_events: Sample, of_labels: Sample) -> Finding:
    """Whether keys that stand on both topics are in the same partition of each."""
    places: dict[bytes, set[int]] = {}
    for key, number in of_events:
        if key is not None:
            places.setdefault(key, set()).add(number)
    shared = [(key, number) for key, number in of_labels if key in places]
    apart = {key for key, number in shared if key is not None and number not in places[key]}
    if not shared:
        return ok("partitioner", f"{events} and {labels}: no key stands on both yet")
    text = (
        f"{len(apart)} of {len({key for key, _ in shared})} keys are in another partition of {labels} than of {events}"
    )
    if not apart:
        return ok("partitioner", text)
    return fail("partitioner", f"{text}: labels do not meet their predictions", ADVICE)


def check_sample(topic: str, sample: Sample, partitions: int, *, labels: bool) -> Finding:
    """Whether the keys of a topic are where murmur2 puts them."""
    keyed = [(key, number) for key, number in sample if key is not None]
    if not keyed:
        return ok("partitioner", f"{topic}: no keyed records yet")
    other = sum(partition_of(key, partitions) != number for key, number in keyed)
    text = f"{topic}: {other} of {len(keyed)} keys ({other / len(keyed):.0%}) are not where murmur2 puts them"
    if not other:
        return ok("partitioner", text)
    if labels or len(keyed) >= ENOUGH:
        consequence = "labels do not meet their predictions" if labels else "order per key is another producer's"
        return fail("partitioner", f"{text}: {consequence}", ADVICE)
    return warn("partitioner", text, ADVICE)


def _newest(platform: PlatformView, topic: str) -> Iterable[tuple[bytes | None, int]]:
    from tidemill.kafka.client.scan import bounds, scan

    ends = bounds(platform.settings, topic)
    starts = {number: max(low, high - NEWEST) for number, (low, high) in ends.items()}
    for batch in scan(platform.settings, topic, start=starts, timeout_s=15):
        yield from zip(batch.keys, batch.partitions, strict=True)
