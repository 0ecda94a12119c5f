"""Reads the very records of a data set from Kafka, as far as they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from tidemill.artifact import Lineage
from tidemill.codec.layout import layout_of
from tidemill.contracts.events.platform import DataSet
from tidemill.contracts.model_file import ModelSpec
from tidemill.errors import ConfigError
from tidemill.kafka.client.scan import bounds, scan
from tidemill_learning.data_set.labelled_rows import LABEL_COLUMNS, Reach, event_columns, labelled_rows
from tidemill_learning.data_set.record_rows import ROLES, RecordRows
from tidemill_learning.data_set.table_rows import table_schema
from tidemill_learning.training.texts import with_short_texts
from tidemill_operations.errors import NotPossible, WrongUse
from tidemill_operations.lifecycle.row_acts import told_gone
from tidemill_operations.platform import PlatformView

Ranges = dict[str, dict[int, tuple[int, int]]]
"""Topic to partition to the first and the last offset."""

Told = Callable[[str, int, int], None]
"""Is told what is read, how much of it is done, and how much there is."""


@dataclass(slots=True)
class KafkaRows:
    """`rows`: labelled, as they are learned from. `missing`: what of the data set is on Kafka no more, in words."""

    rows: pa.Table
    missing: list[str] = field(default_factory=list)


def read_rows(platform: PlatformView, spec: ModelSpec, data_set: DataSet, lineage: Lineage, told: Told) -> KafkaRows:
    """The labelled rows of a data set, made from records alone by the trainer's own steps. `spec`: by whose words.

    Raises NotPossible where nothing is left of it or the record has lost a feature, WrongUse where the data set is of
    another platform's topics.
    """
    roles = {platform.topics.name(role, spec.name): role for role in ROLES}
    ranges, missing = _ranges(data_set)
    if others := ranges.keys() - roles.keys():
        raise WrongUse(f"the data set is of topics {', '.join(sorted(others))}, which are not this platform's")
    parts = _Parts(platform, spec, Reach(lineage.since, lineage.known_by))
    for topic, wanted in ranges.items():
        missing += _missing(platform, topic, wanted, lineage.topic_ids)
        starts, ends = ({n: at[k] + k for n, at in wanted.items()} for k in (0, 1))
        total, done = sum(ends[n] - starts[n] for n in wanted), 0
        try:
            for batch in scan(
                platform.settings, topic, partitions=_there(platform, topic, wanted), start=starts, end=ends
            ):
                parts.add(roles[topic], *parts.reader.of(roles[topic], batch))
                done += len(batch)
                told(topic, done, max(done, total))
        except ConfigError:
            continue  # there is no such topic, which is among the missing
    try:
        found = labelled_rows(spec, parts.events(), parts.labels(), lineage.known_by, lineage.without)
    except ValueError:
        where = kept(platform, spec.name, data_set, lineage)
        raise NotPossible(f"nothing of the data set is left on Kafka: {'; '.join(missing)}. {where}") from None
    return KafkaRows(found.rows, missing)


def kept(platform: PlatformView, model: str, data_set: DataSet, lineage: Lineage) -> str:
    """Where rows are that topics have lost, and how topics keep them longer; or that they are nowhere any more."""
    if gone := told_gone(platform, model, data_set.to_dict(), lineage.since):
        return f"It cannot be made again any more: {gone[0]}"
    return (
        f"The rows are in the training table still ({data_set.table_uri}, version {data_set.table_version}); for "
        "versions to come, let clean, labels and predictions keep more (`retention` in schemas/topics.yaml, then "
        "`tidemill topics apply`)"
    )


def lost(platform: PlatformView, data_set: DataSet, topic_ids: Mapping[str, str]) -> list[str]:
    """What of a data set's records topics do not have any more, in words. Raises RetryLater without brokers."""
    ranges, missing = _ranges(data_set)
    return [*missing, *(one for topic, at in ranges.items() for one in _missing(platform, topic, at, topic_ids))]


class _Parts:
    """Takes in rows batch by batch: the wanted ones, the wanted columns."""

    def __init__(self, platform: PlatformView, spec: ModelSpec, reach: Reach) -> None:
        layout = layout_of(platform.schemas.record(spec.name).json)
        assert layout is not None, "the trainer has made a table of it"
        schema = table_schema(spec, layout.arrow)
        lost = [feature.name for feature in spec.features if feature.name not in schema.names]
        if lost:
            raise NotPossible(
                f"the record of {spec.name} has no {', '.join(lost)} any more, which the version learned from: check "
                "out the schemas and model files of its code revision, and try again there"
            )
        self.reader = RecordRows(spec, platform.codec, platform.schemas, schema)
        self._features = spec.features
        self._events = (reach.events(), event_columns(spec), [self._short(schema.empty_table())])
        self._labels = (reach.labels(), LABEL_COLUMNS, [schema.empty_table().select(LABEL_COLUMNS)])
        self._events[2][0] = self._events[2][0].select(self._events[1])

    def add(self, role: str, rows: pa.Table, bad: Mapping[str, int]) -> None:
        """Rows of a topic in a role; the records that cannot be decoded were none of the data set either."""
        if role == "labels":
            wanted, columns, parts = self._labels
            parts.append(rows.filter(wanted).select(columns))
            return
        wanted, columns, parts = self._events
        parts.append(self._short(rows.filter(wanted)).select(columns))

    def events(self) -> pa.Table:
        return pa.concat_tables(self._events[2])

    def labels(self) -> pa.Table:
        return pa.concat_tables(self._labels[2])

    def _short(self, rows: pa.Table) -> pa.Table:
        return with_short_texts(rows, self._features)


def _ranges(data_set: DataSet) -> tuple[Ranges, list[str]]:
    """The ranges to read; and those before the last one of a partition, which are of topics that were deleted."""
    found: Ranges = {}
    gone = []
    for one in data_set.offsets:
        before = found.setdefault(one.topic, {}).get(one.partition)
        if before is not None:
            gone.append(f"{_place(one.topic, one.partition, *before)} were of a topic that was deleted since")
        found[one.topic][one.partition] = (one.first, one.last)
    return found, gone


def _missing(
    platform: PlatformView, topic: str, wanted: Mapping[int, tuple[int, int]], ids: Mapping[str, str]
) -> list[str]:
    """What of the ranges is not there, in words."""
    try:
        there = bounds(platform.settings, topic)
    except ConfigError:
        return [f"there is no topic {topic} any more"]
    if _made_anew(platform, topic, ids.get(topic, "")):
        return [f"{topic} was deleted and made anew since: its offsets are of other records"]
    found = []
    for number, (first, last) in sorted(wanted.items()):
        low, high = there.get(number, (last + 1, 0))
        if low > first:
            found.append(f"{_place(topic, number, first, min(low - 1, last))} were removed by retention")
        elif high <= last:
            found.append(f"{_place(topic, number, high, last)} are not there: the partition ends before them")
    return found


def _made_anew(platform: PlatformView, topic: str, recorded: str) -> bool:
    from functools import partial

    from tidemill.kafka.client.clients import admin
    from tidemill.kafka.partitions.topic_ids import TopicIds

    if not recorded:
        return False
    now = TopicIds(partial(admin, platform.settings)).of([topic])[topic]
    return bool(now) and now != recorded


def _there(platform: PlatformView, topic: str, wanted: Mapping[int, tuple[int, int]]) -> list[int]:
    return sorted(wanted.keys() & bounds(platform.settings, topic).keys())


def _place(topic: str, partition: int, first: int, last: int) -> str:
    return f"offsets {first:,} to {last:,} of {topic}/{partition}"
