"""Whether a model has rows enough for a change to be found in good time, by the times of its newest ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import Schema
    from tidemill_operations.platform import PlatformView

WITHIN_DAYS = 31
"""A change that is found later than that is not watched for."""

LABELS = 200
"""Labels after which label time has found that answers are turned round."""

VALUES = 100
"""Values without which features and scores are not compared; windows of a duration add up until there are so many."""

NEWEST = 400
"""Offsets of a partition, from its end back, whose rows say how many there are a day."""

LEAST_ROWS = 3
"""Fewer rows say nothing of a rate."""

LEAST_DAYS = 1 / 24

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Rows a day of event time; None where too few are there to tell."""

    events: float | None = None
    labels: float | None = None


def rows_a_day(times: Mapping[int, Sequence[int]], cut: Mapping[int, bool]) -> float | None:
    """By the newest rows' times (epoch ms) by partition, and whether there are older ones than these in it. They span
    an hour at least, or say nothing.

    >>> rows_a_day({0: [0, DAY_MS], 1: [DAY_MS // 2, 2 * DAY_MS]}, {})
    2.0
    """
    since = max((min(found) for number, found in times.items() if found and cut.get(number)), default=None)
    known = [time for found in times.values() for time in found if since is None or time >= since]
    if len(known) < LEAST_ROWS:
        return None
    days = (max(known) - min(known)) / DAY_MS
    return len(known) / days if days >= LEAST_DAYS else None


def too_few(spec: ModelSpec, rates: Rates, partitions: int) -> list[str]:
    """What cannot be watched of a model, one sentence each; none where there is enough, or nothing is known yet."""
    watched, said = spec.drift.watch, []
    if "quality" in watched and _below(rates.labels, LABELS / WITHIN_DAYS):
        said.append(
            _sentence("labels", rates.labels, LABELS, f"answers that got worse are found after {LABELS} labels")
        )
    if {"features", "predictions"} & set(watched):
        wanted, why = _to_compare(spec.drift.window, partitions)
        if _below(rates.events, wanted / WITHIN_DAYS):
            said.append(_sentence("events", rates.events, wanted, why))
    return said


def read_too_few(platform: PlatformView, spec: ModelSpec) -> list[str]:
    """`too_few`, by the newest rows on the model's clean topic and on that of its labels. Raises RetryLater without
    brokers, ConfigError where a topic is missing.
    """
    clean, labels = platform.schemas.record(spec.name), platform.schemas.label(spec.name)
    events, partitions = _rate(platform, platform.topics.name("clean", spec.name), clean, spec.event_time)
    labelled, _ = _rate(platform, platform.topics.name("labels", spec.name), labels, "event_time")
    return too_few(spec, Rates(events, labelled), partitions)


def _rate(platform: PlatformView, topic: str, schema: Schema, time_field: str) -> tuple[float | None, int]:
    """Rows a day on a topic, and its partitions."""
    import pyarrow as pa

    from tidemill.kafka.client.scan import bounds, scan

    times: dict[int, list[int]] = {}
    ends = bounds(platform.settings, topic)
    starts = {number: max(low, high - NEWEST) for number, (low, high) in ends.items()}
    for batch in scan(platform.settings, topic, start=starts):
        decoded = platform.codec.decode(batch.values, schema)
        found = decoded.rows.column(time_field).cast(pa.int64()).to_pylist()
        for at, time in zip(decoded.index.tolist(), found, strict=True):
            times.setdefault(batch.partitions[at], []).append(time)
    return rows_a_day(times, {number: starts[number] > low for number, (low, _) in ends.items()}), len(ends)


def _to_compare(window: int | timedelta, partitions: int) -> tuple[int, str]:
    """Events that comparing features and scores takes, and why."""
    if isinstance(window, timedelta):
        return VALUES, f"features and scores are compared from {VALUES} values on"
    return window * partitions, (
        f"features and scores are compared by windows of {window:,} events of each of {partitions} partitions; those "
        "of a duration, `drift: {window: 1d}`, add up until there are enough"
    )


def _below(rate: float | None, needed: float) -> bool:
    return rate is not None and rate < needed


def _sentence(what: str, rate: float | None, wanted: int, why: str) -> str:
    assert rate is not None
    known = f"{rate:,.0f}" if rate >= 1 else f"{rate:.1g}"
    needed = f"{math.ceil(wanted / WITHIN_DAYS):,}"
    return f"too few {what} to watch: {known} a day, {needed} needed ({wanted:,} within {WITHIN_DAYS} days): {why}"
