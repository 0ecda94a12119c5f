"""Dead letters of one topic, and which of them are resolved."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tidemill.errors import RetryLater
from tidemill.kafka.client.bounded import groupless_consumer, partitions_of, watermarks
from tidemill.kafka.client.scan import scan
from tidemill.kafka.dead_letters import is_resolution, parse_dead_letter, parse_resolution
from tidemill.kafka.headers import Headers

if TYPE_CHECKING:
    from tidemill.settings import KafkaSettings

UNKNOWN = "unknown"
SETTLE_S = 60.0
"""How long to wait for other writers' open transactions: theirs end, or time out, after 10 s."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `reason`: the error's class without its package; `message`: for people. `origin`: the position
    that it was read from, None where its headers don't say: then it is not one of the platform's.
    """

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    reason: str
    message: str
    origin: tuple[str, int, int] | None

    @property
    def place(self) -> str:
        """`topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


Wanted = Callable[[Letter], bool]


@dataclass(slots=True)
class Survey:
    """What a topic holds of the letters that are wanted. `open`: offsets by partition, ascending, of those that are
    not resolved. `reasons`: how many of them, by reason. `ends`: up to which offset of each partition it was read.
    """

    ends: Mapping[int, int]
    open: dict[int, npt.NDArray[np.int64]]
    reasons: Counter[str] = field(default_factory=Counter)
    resolved: int = 0

    @property
    def count(self) -> int:
        """Letters that are wanted and not resolved."""
        return sum(map(len, self.open.values()))

    def is_open(self, letter: Letter) -> bool:
        """Whether a letter is one of them."""
        offsets = self.open.get(letter.partition)
        if offsets is None or not len(offsets):
            return False
        place = int(np.searchsorted(offsets, letter.offset))
        return place < len(offsets) and int(offsets[place]) == letter.offset


def survey(settings: KafkaSettings, topic: str, wanted: Wanted) -> Survey:
    """Read a topic to its end as of now, resolutions included, whatever transactions are open at the moment.

    Keeps 16 bytes a letter. Raises RetryLater where another writer's transaction stays open, or brokers are away.
    """
    ends = settled_ends(settings, topic)
    found: dict[int, array[int]] = {number: array("q") for number in ends}
    codes: dict[int, array[int]] = {number: array("q") for number in ends}
    done: dict[int, array[int]] = {number: array("q") for number in ends}
    reasons: dict[str, int] = {}
    for batch in scan(settings, topic, end=ends):
        for row, headers in enumerate(batch.headers):
            if is_resolution(headers):
                resolves = parse_resolution(headers)
                if resolves is not None and resolves[0] == topic and resolves[1] in done:
                    done[resolves[1]].append(resolves[2])
                continue
            letter = _letter(batch, row)
            if wanted(letter):
                found[letter.partition].append(letter.offset)
                codes[letter.partition].append(reasons.setdefault(letter.reason, len(reasons)))
    return _summary(ends, found, codes, done, list(reasons))


def _summary(
    ends: Mapping[int, int], found: Mapping[int, array[int]], codes: Mapping[int, array[int]],
    done: Mapping[int, array[int]], names: list[str],
) -> Survey:  # fmt: skip
    result = Survey(ends, {})
    for number, column in found.items():
        offsets = np.asarray(column, dtype=np.int64)
        left = ~np.isin(offsets, np.asarray(done[number], dtype=np.int64))
        result.open[number] = offsets[left]
        result.resolved += int((~left).sum())
        kinds, counts = np.unique(np.asarray(codes[number], dtype=np.int64)[left], return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            result.reasons[names[kind]] += count
    return result


def open_letters(settings: KafkaSettings, topic: str, surveyed: Survey) -> Generator[Letter, None, None]:
    """The letters of a survey that are not resolved, in the order of their partitions' offsets."""
    starts = {number: int(offsets[0]) for number, offsets in surveyed.open.items() if len(offsets)}
    ends = {number: int(surveyed.open[number][-1]) + 1 for number in starts}
    if not starts:
        return
    for batch in scan(settings, topic, partitions=list(starts), start=starts, end=ends):
        for row in range(len(batch)):
            letter = _letter(batch, row)
            if surveyed.is_open(letter):
                yield letter


def all_letters(settings: KafkaSettings, topic: str, wanted: Wanted) -> Iterator[Letter]:
    """Every letter that is wanted, resolved or not."""
    for batch in scan(settings, topic):
        for row, headers in enumerate(batch.headers):
            if not is_resolution(headers) and wanted(letter := _letter(batch, row)):
                yield letter


def settled_ends(settings: KafkaSettings, topic: str) -> dict[int, int]:
    """The end of each partition as of now, once no transaction that began before it is open any more.

    A reader of committed records stops before the first open transaction, and what was committed behind it would stay
    unseen: a resolution among it, say.
    """
    dirty = groupless_consumer(settings, "dlq", isolation_level="read_uncommitted")
    clean = groupless_consumer(settings, "dlq")
    try:
        numbers = partitions_of(dirty, topic)
        ends = {number: high for number, (_, high) in watermarks(dirty, topic, numbers).items()}
        deadline = time.monotonic() + SETTLE_S
        waiting = set(ends)
        while waiting:
            settled = watermarks(clean, topic, waiting)
            waiting = {number for number in waiting if settled[number][1] < ends[number]}
            if waiting and time.monotonic() > deadline:
                raise RetryLater(f"{topic}: a transaction stays open in partitions {sorted(waiting)}")
            if waiting:
                time.sleep(0.1)
        return ends
    finally:
        dirty.close()
        clean.close()


def _letter(batch: object, row: int) -> Letter:
    from tidemill.kafka.batch import Batch

    assert isinstance(batch, Batch)
    headers = list(batch.headers[row] or ())
    try:
        parsed = parse_dead_letter(headers)
    except ValueError:
        parsed = None
    topic, partition, offset, kind, message = parsed or ("", -1, -1, UNKNOWN, "no reason in its headers")
    return Letter(
        batch.topic, batch.partitions[row], batch.offsets[row], batch.timestamps_ms[row], batch.keys[row],
        batch.values[row], headers, kind.rpartition(".")[2], message, (topic, partition, offset) if parsed else None,
    )  # fmt: skip
