"""From rows of a model's events and labels to the labelled rows that a version is made from: which are wanted, in which
order, and what time it was. A function of the rows alone, wherever they were read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.contracts.model_file import ModelSpec
from tidemill_learning.data_set.table_rows import EVENT, KIND, LABELLED, OFFSET, PARTITION, REST, TIME
from tidemill_learning.training.labelled import EVENT_ID, EVENT_TIME, LABEL, OBSERVED_AT, join_labels, newest

LABEL_COLUMNS = [KIND, PARTITION, OFFSET, EVENT_ID, OBSERVED_AT, LABEL]
"""Of rows of labels, as `labelled_rows` takes them."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back and how late a data set reaches. `since`: time of the first event, us since the epoch (None: from
    the start); `known_by`: events and labels alike were known by then, ms (None: all there are).
    """

    since: int | None = None
    known_by: int | None = None

    def events(self) -> pc.Expression:
        """Which rows of a table are wanted as events."""
        return self._rows([EVENT, REST], EVENT_TIME)

    def labels(self) -> pc.Expression:
        """Which rows of a table are wanted as labels."""
        return self._rows([LABELLED], OBSERVED_AT)

    def _rows(self, kinds: list[str], known: str) -> pc.Expression:
        wanted = pc.field(KIND).isin(kinds)
        if self.since is not None:
            wanted &= pc.field(EVENT_TIME) >= pa.scalar(self.since, TIME)
        return wanted if self.known_by is None else wanted & (pc.field(known) <= pa.scalar(self.known_by * 1_000, TIME))


def event_columns(spec: ModelSpec) -> list[str]:
    """Of rows of events, as `labelled_rows` takes them."""
    return [KIND, PARTITION, OFFSET, EVENT_ID, EVENT_TIME, LABEL, *(feature.name for feature in spec.features)]


@dataclass(frozen=True, slots=True)
class Labelled:
    """`rows`: oldest first, those of one time by event id. `cut_off`: what time it was, on the events' own clock, in
    ms. `left_out`: ids of events that were not wanted and have a label.
    """

    rows: pa.Table
    cut_off: int
    left_out: tuple[str, ...] = ()


def labelled_rows(
    spec: ModelSpec, events: pa.Table, labels: pa.Table, known_by: int | None = None, without: Collection[str] = ()
) -> Labelled:
    """The newest `training.newest` events that have a label, but those `without`. `events`, `labels`: in any order,
    with the columns above; `known_by` as in `Reach`.

    Raises `ValueError` where there is no labelled row.
    """
    if not events.num_rows:
        raise ValueError(no_events(spec))
    cut_off = known_by if known_by is not None else _cut_off(events, labels)
    joined = join_labels(_in_order(events), _in_order(labels)).sort_by(EVENT_ID)
    unwanted = pc.is_in(joined.column(EVENT_ID), value_set=pa.array(sorted(without), pa.string()))
    rows = newest(joined.filter(pc.invert(unwanted)), spec.training.newest)
    if not rows.num_rows:
        raise ValueError(
            f"none of the {events.num_rows:,} events of {spec.name} has a label: push labels with their event ids "
            f"(`tidemill push FILE --model {spec.name} --labels`)"
        )
    return Labelled(rows, cut_off, tuple(joined.filter(unwanted).column(EVENT_ID).to_pylist()))


def no_events(spec: ModelSpec) -> str:
    """What is said where there is nothing to learn from."""
    return f"there are no events of {spec.name} to learn from yet: push events and their labels, then ask again"


def _in_order(rows: pa.Table) -> pa.Table:
    """By position, so that the same data set always gives the same rows; an event that came on the stream
    and over REST counts once, as the stream has it, and of two labels observed at the same time the first.
    """
    place: Sequence[str] = (KIND, PARTITION, OFFSET)
    order = pc.sort_indices(rows.select(place), sort_keys=[(name, "ascending") for name in place])
    return rows.drop_columns(list(place)).take(order)


def _cut_off(events: pa.Table, labels: pa.Table) -> int:
    """The latest time that any row knows of: nothing in the data set was known later."""
    times = [pc.max(events.column(EVENT_TIME)).as_py(), pc.max(labels.column(OBSERVED_AT)).as_py()]
    return max(int(time.timestamp() * 1000) for time in times if time is not None)
