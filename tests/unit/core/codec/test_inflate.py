"""What is unpacked has a bound: a small piece that would fill the memory is refused before it does."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import Literal

import pytest

from tidemill.codec.inflate import TooMuch, inflated

PACK = {"zlib": zlib.compress, "gzip": gzip.compress}
Form = Literal["zlib", "gzip"]


@pytest.mark.parametrize("form", ["zlib", "gzip"])
def test_all_is_given_up_to_the_bound_and_nothing_beyond(form: Form) -> None:
    packed = PACK[form](b"x" * 1_000)
    assert inflated(packed, 1_000, form) == b"x" * 1_000
    with pytest.raises(TooMuch, match="999"):
        inflated(packed, 999, form)


@pytest.mark.parametrize("form", ["zlib", "gzip"])
def test_a_bomb_takes_no_more_memory_than_its_bound(form: Form) -> None:
    packed, most = PACK[form](bytes(200 << 20)), 1 << 20
    assert len(packed) < most
    tracemalloc.start()
    try:
        with pytest.raises(TooMuch):
            inflated(packed, most, form)
        assert tracemalloc.get_traced_memory()[1] < 4 * most
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", ["zlib", "gzip"])
@pytest.mark.parametrize(
    ("broken", "said"), [(slice(0, -1), "breaks off"), (slice(4, None), "not"), (slice(0, 0), "breaks off")]
)
def test_what_is_not_whole_is_refused(form: Form, broken: slice, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        inflated(PACK[form](b"some text, some text")[broken], 1_000, form)
    with pytest.raises(ValueError, match="follow"):
        inflated(PACK[form](b"a") + b"b", 1_000, form)
