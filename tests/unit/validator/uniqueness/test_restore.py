from __future__ import annotations

from collections.abc import Mapping

from tidemill_validator.uniqueness.restore import FIRST_CHUNK, Chunk, Range, read_window


class Log:
    """Partitions whose records have event time = offset, and a record of what was read."""

    def __init__(self) -> None:
        self.read: list[dict[int, Range]] = []

    def __call__(self, ranges: Mapping[int, Range]) -> dict[int, Chunk]:
        self.read.append(dict(ranges))
        return {p: ([f"{p}-{o}" for o in range(*r)], list(range(*r))) for p, r in ranges.items()}


def test_reading_stops_where_a_whole_chunk_lies_before_the_window() -> None:
    log = Log()
    chunks = read_window(log, {0: (0, 1_000_000)}, within_ms=FIRST_CHUNK + 10, limit=10**9)
    ids = [name for names, _ in chunks[0] for name in names]
    assert ids[-1] == "0-999999"
    assert "0-" + str(1_000_000 - FIRST_CHUNK - 11) in ids
    assert [r[0] for r in log.read] == [
        (980_000, 1_000_000),
        (940_000, 980_000),
        (860_000, 940_000),
    ]


def test_chunks_come_oldest_first() -> None:
    chunks = read_window(Log(), {0: (0, 50_000)}, within_ms=10**9, limit=10**9)
    times = [t for _, times in chunks[0] for t in times]
    assert times == list(range(50_000))


def test_partitions_end_on_their_own_and_are_read_together() -> None:
    log = Log()
    chunks = read_window(log, {0: (5, 5), 1: (0, 10), 2: (0, 30_000)}, within_ms=10**9, limit=10**9)
    assert [len(times) for p in (0, 1, 2) for _, times in chunks[p]] == [10, 10_000, 20_000]
    assert [sorted(r) for r in log.read] == [[1, 2], [2]]


def test_memory_bounds_how_far_back_is_read() -> None:
    log = Log()
    read_window(log, {0: (0, 10_000_000)}, within_ms=10**9, limit=50_000)
    assert len(log.read) == 2


def test_a_topic_of_markers_alone_has_nothing_to_restore() -> None:
    chunks = read_window(lambda ranges: {}, {0: (0, 7)}, within_ms=10, limit=10)
    assert chunks == {0: [((), ())]}
