"""What *detect* remembers comes from a topic: bytes there that are no state end it with what to do, and no memory."""

from __future__ import annotations

import json
import tracemalloc
import zlib

import pytest

from tidemill.errors import FatalError
from tidemill_learning.drift.detection.state import LONGEST_STATE, State, pack, unpack


def test_a_state_comes_back_as_it_was() -> None:
    state = State(windows={"a": 1}, alarms={"a": {"b": {"c": 0.1}}}, last=[["x", 1]])
    assert unpack(pack(state)) == state
    assert pack(unpack(pack(state))) == pack(state)


def test_a_state_that_would_fill_the_memory_is_refused_before_it_does() -> None:
    bomb = zlib.compress(b" " * (8 * LONGEST_STATE))
    assert len(bomb) < 1 << 20, "it fits into a record"
    tracemalloc.start()
    try:
        with pytest.raises(FatalError, match="drift-state"):
            unpack(bomb)
        assert tracemalloc.get_traced_memory()[1] < 3 * LONGEST_STATE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"no zlib", pack(State())[:-1], pack(State()) + b"x", zlib.compress(b"no JSON"), zlib.compress(b"[1]"),
        zlib.compress(b'{"a":' * 100_000), zlib.compress(b"\xff"),
    ],
)  # fmt: skip
def test_what_is_no_state_says_where_it_comes_from_and_what_to_do(wrong: bytes) -> None:
    with pytest.raises(FatalError, match=r"drift-state.*begin anew"):
        unpack(wrong)


def test_a_state_of_another_release_says_that() -> None:
    with pytest.raises(FatalError, match="another release"):
        unpack(zlib.compress(json.dumps({"state_version": 1, "more": {}}).encode()))


def test_a_state_that_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(FatalError, match="begin anew"):
        pack(State(traces={"a": ["x" * LONGEST_STATE]}))
