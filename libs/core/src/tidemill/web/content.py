"""Bodies of requests: of a known type, and bounded."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection

from tidemill.access.authorizer import Refusal
from tidemill.web.visitors import Headers

__all__ = ["JSON", "BodyTooLarge", "known_type", "read_bounded"]

JSON = "application/json"


class BodyTooLarge(ValueError):
    """A body of more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


async def read_bounded(chunks: AsyncIterable[bytes], stated: str, limit: int) -> bytes:
    """The body that comes in `chunks`; `stated` is its Content-Length, if any. Raises BodyTooLarge as soon as it is
    known to have more than `limit` bytes.
    """
    if stated.isdecimal() and int(stated) > limit:
        raise BodyTooLarge(limit)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit)
    return bytes(body)


def known_type(headers: Headers, known: Collection[str], told: Collection[str] = ()) -> str:
    """The media type, one of `known` (in which empty stands for none). Raises Refusal 415, which names `told`, or
    all that are known.
    """
    kind = _media_type(headers)
    if kind not in known:
        raise _wrong_type(kind, told or [name for name in known if name])
    return kind


def _media_type(headers: Headers) -> str:
    """The type without its parameters, in lower case; empty where there is none. Raises Refusal for two of them."""
    found = [value for name, value in headers if name == b"content-type"]
    if len(found) > 1:
        raise Refusal(415, "unsupported_media_type", "Content-Type stands twice")
    return found[0].partition(b";")[0].strip().lower().decode("latin-1") if found else ""


def _wrong_type(given: str, known: Collection[str]) -> Refusal:
    """The refusal of a body of another type. Forms and plain text are what any web page may send anywhere, so JSON must
    be called JSON.
    """
    told = f"a body of type {given[:100]!r}" if given else "a body without a type"
    message = f"{told} is not read: send the header Content-Type: {' or '.join(known)}"
    return Refusal(415, "unsupported_media_type", message)
