from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill_validator.uniqueness.dedup import BUCKETS, IN_FLIGHT, SeenIds

WINDOW = 1_000


def accept(seen: SeenIds, ids: str | Sequence[str], offset: int = 0, at: int = 0) -> list[int]:
    return seen.accept(list(ids), list(range(offset, offset + len(ids))), [at] * len(ids))


def test_a_repeat_is_found_in_a_batch_and_across_batches() -> None:
    seen = SeenIds(WINDOW, 100)
    assert accept(seen, "abab") == [2, 3]
    assert accept(seen, "bcc", 4) == [0, 2]
    assert len(seen) == 3


def test_an_id_is_remembered_for_the_window_of_stream_time() -> None:
    seen = SeenIds(WINDOW, 100)
    accept(seen, "a", 0, at=5_000)
    accept(seen, "b", 1, at=6_000)
    assert accept(seen, "a", 2, at=6_000) == [0]
    accept(seen, "c", 3, at=6_000 + WINDOW + 1)
    assert accept(seen, "a", 4, at=0) == []


def test_a_late_event_is_recognised_when_it_comes_twice() -> None:
    seen = SeenIds(WINDOW, 100)
    accept(seen, "a", 0, at=1_000_000)
    assert accept(seen, ["late"], 1, at=5) == []
    assert accept(seen, ["late"], 2, at=5) == [0]


def test_a_rewind_takes_back_what_came_at_or_after_the_offset() -> None:
    seen = SeenIds(WINDOW, 100)
    accept(seen, "abc", 0)
    accept(seen, "def", 3, at=1)
    seen.rewind(4)
    assert accept(seen, "abcdef", 4, at=1) == [0, 1, 2, 3]


def test_what_was_read_back_is_never_taken_back() -> None:
    seen = SeenIds(WINDOW, 100)
    seen.restore(["a", "b", "a"], [1, 2, 3])
    seen.rewind(0)
    assert accept(seen, "abc", 0, at=3) == [0, 1]


def test_beyond_the_limit_the_oldest_go_early_and_are_counted() -> None:
    seen = SeenIds(WINDOW, 64)
    for k in range(1_000):
        accept(seen, [f"e{k}"], k, at=7)
    assert len(seen) <= 65
    assert seen.forgotten_early == 1_000 - len(seen)
    assert accept(seen, ["e999"], 1_000, at=7) == [0]
    assert accept(seen, ["e0"], 1_001, at=7) == []


def test_small_batches_do_not_make_many_generations() -> None:
    seen = SeenIds(WINDOW, 100_000)
    for k in range(20_000):
        accept(seen, [f"e{k}"], k, at=k)
    remembered, gone = seen.generations
    assert remembered <= 2 * BUCKETS + 3 + IN_FLIGHT
    assert gone <= IN_FLIGHT
    assert WINDOW <= len(seen) <= WINDOW + 2 * WINDOW // BUCKETS + 2


class Plain:
    """The rule as it is stated, without cleverness: every id with its offset and the stream time after it."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, int]] = []

    def known(self) -> set[str]:
        now = max((stamp for _, _, stamp in self.entries), default=0)
        return {name for name, _, stamp in self.entries if stamp >= now - WINDOW}


BATCH = st.tuples(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), st.integers(0, 3_000), st.booleans())


@given(batches=st.lists(BATCH, max_size=25))
@settings(max_examples=200, deadline=None)
def test_nothing_inside_the_window_is_ever_forgotten_whatever_aborts(
    batches: list[tuple[list[str], int, bool]],
) -> None:
    seen, plain, offset = SeenIds(WINDOW, 10_000), Plain(), 0
    for ids, at, aborts in batches:
        answers = []
        for _ in range(3 if aborts else 1):
            seen.rewind(offset)
            plain.entries = [entry for entry in plain.entries if entry[1] < offset]
            known, ever = plain.known(), {name for name, _, _ in plain.entries}
            answers.append(seen.accept(ids, list(range(offset, offset + len(ids))), [at] * len(ids)))
            for place, name in enumerate(ids):
                repeat = place in answers[-1]
                assert repeat or not (name in known or name in ids[:place])
                assert not repeat or name in ever or name in ids[:place]
            stamp = max([at, *(s for _, _, s in plain.entries)])
            kept = [(name, offset + k, stamp) for k, name in enumerate(ids) if k not in answers[-1]]
            plain.entries += kept
        assert all(answer == answers[0] for answer in answers)
        offset += len(ids)


TURNS = st.lists(st.tuples(BATCH, st.integers(1, 3)), max_size=25)


@given(turns=TURNS)
@settings(max_examples=300, deadline=None)
def test_batches_read_ahead_of_a_transaction_that_aborts_are_as_if_they_had_never_come(
    turns: list[tuple[tuple[list[str], int, bool], int]],
) -> None:
    """`straight` sees each batch once; `hurt` must take back up to three batches and be given them again."""
    straight, hurt = SeenIds(WINDOW, 10_000), SeenIds(WINDOW, 10_000)
    offset, done = 0, []
    for (ids, at, aborts), back in turns:
        batch = (ids, list(range(offset, offset + len(ids))), [at] * len(ids))
        offset += len(ids)
        straight.rewind(batch[1][0])
        answer = straight.accept(*batch)
        done.append((batch, answer))
        hurt.rewind(batch[1][0])
        assert hurt.accept(*batch) == answer
        if aborts:
            for again, before in done[-back:]:
                hurt.rewind(again[1][0])
                assert hurt.accept(*again) == before
        assert (hurt.stream_time, set(hurt)) == (straight.stream_time, set(straight))
