"""Do producers choose partitions as ours do? Told from the newest records: murmur2(key) % partitions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tidemill.kafka.partitioner import partition_of
from tidemill_cli.doctor.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from tidemill_cli.platform import PlatformView

NEWEST = 200
"""Records looked at in each partition."""
ENOUGH = 20
ADVICE = (
    "set partitioner=murmur2_random in librdkafka's clients (Java's and aiokafka's have it by default), and begin with "
    "new topics: what is written stays where it is"
)


def check_partitioners(platform: PlatformView, partitions: dict[str, int]) -> list[Finding]:
    """One finding for each topic that people's producers write; labels by another partitioner are refused."""
    findings = []
    for model in platform.models:
        for role in ("raw", "labels_raw"):
            topic = platform.topics.name(role, model)
            if topic in partitions:
                sample = list(_newest(platform, topic))
                findings.append(judge(topic, sample, partitions[topic], labels=role == "labels_raw"))
    return findings


def judge(topic: str, sample: Iterable[tuple[bytes | None, int]], partitions: int, *, labels: bool) -> Finding:
    """`sample`: (key, partition) of records."""
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
    from tidemill.kafka.scan import bounds, scan

    ends = bounds(platform.settings, topic)
    starts = {number: max(low, high - NEWEST) for number, (low, high) in ends.items()}
    for batch in scan(platform.settings, topic, start=starts, timeout_s=15):
        yield from zip(batch.keys, batch.partitions, strict=True)
