"""What should be met exactly once against what was met. Pure: positions in, counts out, memory in bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidemill_operations.audit.bits import OffsetBits, Offsets

MOST_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Tally:
    """How far something is from exactly once. `duplicated` counts what is there beyond the first time, or
    should not be there.
    """

    missing: int = 0
    duplicated: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.missing + other.missing, self.duplicated + other.duplicated)


@dataclass(frozen=True, slots=True)
class Balance:
    """One relation between a source topic and what was made of it. It holds where nothing is `wrong`.

    `expected`: source records that were worked on; `missing`: those without a result; `duplicated`: results
    beyond the first; `strangers`: results of no known source record; `disordered`: results that stand before
    one of an earlier source record; `waiting`: source records that nobody has worked on yet. `examples`: the
    first positions in the source, by kind.
    """

    name: str
    expected: int
    missing: int
    duplicated: int
    strangers: int
    disordered: int
    waiting: int
    examples: Mapping[str, list[str]]

    @property
    def wrong(self) -> int:
        return self.missing + self.duplicated + self.strangers + self.disordered

    @property
    def tally(self) -> Tally:
        """What is lost and what is too much, where everything was to be done: waiting counts as missing."""
        return Tally(self.missing + self.waiting, self.duplicated + self.strangers + self.disordered)


class Ledger:
    """Positions of one source topic that must each be met once.

    `starts`: first offset that counts, by partition (0 where none is given); results of earlier ones are
    passed over. `done`: the offset up to which the source has been worked on, by partition; None: all of it.
    Memory: two bits a record.
    """

    def __init__(
        self, name: str, topic: str, *, starts: Mapping[int, int], done: Mapping[int, int] | None = None
    ) -> None:
        self.name, self.topic = name, topic
        self._starts, self._done = starts, done
        self._expected, self._met, self._ahead = OffsetBits(), OffsetBits(), OffsetBits()
        self._duplicated = self._strangers = self._disordered = 0
        self._last: dict[tuple[str, int], int] = {}
        self._examples: dict[str, list[str]] = {}

    def expect(self, partitions: Offsets, offsets: Offsets) -> None:
        """Records of the source, as they are read."""
        for partition, mine in by_partition(partitions, offsets):
            wanted = mine[mine >= self._starts.get(partition, 0)]
            if self._done is not None:
                reached = self._done.get(partition, 0)
                self._ahead.add(partition, wanted[wanted >= reached])
                wanted = wanted[wanted < reached]
            self._expected.add(partition, wanted)

    def meet(self, partitions: Offsets, offsets: Offsets, results: str) -> None:
        """Positions in the source that results name, in the order of the results in each partition.

        `results`: the topic that holds them; order is checked within it.
        """
        for partition, named in by_partition(partitions, offsets):
            mine = named[named >= self._starts.get(partition, 0)]
            if not len(mine):
                continue
            again = self._met.add(partition, mine)
            self._note("duplicated", partition, again)
            self._duplicated += len(again)
            last = self._last.get((results, partition), -1)
            back = mine[np.diff(mine, prepend=last) < 0]
            self._note("disordered", partition, back)
            self._disordered += len(back)
            self._last[results, partition] = int(mine[-1])

    def stranger(self, count: int = 1) -> None:
        """Results that name no position in the source."""
        self._strangers += count

    def balance(self) -> Balance:
        """The result, once both sides have been read."""
        known = OffsetBits()
        known.merge(self._expected)
        known.merge(self._ahead)
        unknown = self._met.count_without(known)
        self._list("missing", self._expected.first_without(self._met, MOST_EXAMPLES))
        self._list("strangers", self._met.first_without(known, MOST_EXAMPLES))
        return Balance(
            name=self.name,
            expected=len(self._expected),
            missing=self._expected.count_without(self._met),
            duplicated=self._duplicated,
            strangers=self._strangers + unknown,
            disordered=self._disordered,
            waiting=self._ahead.count_without(self._met),
            examples=dict(self._examples),
        )

    @property
    def nbytes(self) -> int:
        """Memory of the positions."""
        return self._expected.nbytes + self._met.nbytes + self._ahead.nbytes

    def _note(self, kind: str, partition: int, offsets: Offsets) -> None:
        self._list(kind, [(partition, int(offset)) for offset in offsets[:MOST_EXAMPLES]])

    def _list(self, kind: str, positions: list[tuple[int, int]]) -> None:
        listed = self._examples.setdefault(kind, []) if positions else []
        listed += [f"{self.topic}/{p}/{o}" for p, o in positions[: MOST_EXAMPLES - len(listed)]]


class EpochWatch:
    """Whether the epoch goes back anywhere in a partition of predictions; records in offset order."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self.backwards = 0
        self.seen = 0

    def add(self, partitions: Offsets, epochs: Offsets) -> None:
        """Stream predictions of one batch."""
        self.seen += len(epochs)
        for partition, mine in by_partition(partitions, epochs):
            steps = np.diff(mine, prepend=self._last.get(partition, mine[0]))
            self.backwards += int(np.count_nonzero(steps < 0))
            self._last[partition] = int(mine[-1])


def by_partition(partitions: Offsets, values: Offsets) -> list[tuple[int, Offsets]]:
    """Values of each partition in their order; partitions ascending."""
    return [(int(number), values[partitions == number]) for number in np.unique(partitions)]
