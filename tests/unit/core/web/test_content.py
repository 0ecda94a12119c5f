"""Bodies of requests: their type, and their size before all of it has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tidemill.access.authorizer import Refusal
from tidemill.web.content import JSON, BodyTooLarge, known_type, read_bounded


def read(*chunks: bytes, stated: str = "", limit: int = 10) -> tuple[bytes | None, int]:
    """The body, None where it is too large, and how many of the chunks were taken."""
    taken = 0

    async def come() -> AsyncIterator[bytes]:
        nonlocal taken
        for chunk in chunks:
            taken += 1
            yield chunk

    try:
        return asyncio.run(read_bounded(come(), stated, limit)), taken
    except BodyTooLarge as error:
        assert error.limit == limit
        return None, taken


def test_a_body_is_read_to_its_limit_and_not_a_byte_further() -> None:
    assert read(b"12345", b"67890", stated="10") == (b"1234567890", 2)
    assert read(b"12345", b"67890", b"1", b"2") == (None, 3)
    assert read(b"1", stated="11") == (None, 0)
    assert read() == (b"", 0)


@pytest.mark.parametrize("stated", ["", "-1", "1e9", "\u00b2", "many"])
def test_a_stated_length_that_is_none_bounds_nothing_and_breaks_nothing(stated: str) -> None:
    assert read(b"123", stated=stated) == (b"123", 1)


def test_a_type_is_known_by_its_name_alone_and_another_is_told_what_to_send() -> None:
    assert known_type([(b"content-type", b" Application/JSON ; charset=utf-8")], {JSON}) == JSON
    assert known_type([], {JSON, ""}) == ""
    for headers in ([], [(b"content-type", b"text/plain")]):
        with pytest.raises(Refusal, match=r"send the header Content-Type: application/json$") as refused:
            known_type(headers, [JSON, ""] if headers else [JSON])
        assert refused.value.status == 415
    with pytest.raises(Refusal, match=r"Content-Type: a/b$"):
        known_type([], {JSON}, told=["a/b"])
    with pytest.raises(Refusal, match="stands twice"):
        known_type([(b"content-type", JSON.encode())] * 2, {JSON})
