"""An HTTP/1.1 answer out of the bytes that have come so far: what the generator looks at, and nothing more."""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[^\r]*close", re.IGNORECASE)
_BODILESS = (204, 304)
MAX_HEAD_BYTES = 65_536


class Malformed(ValueError):
    """The bytes are no answer that this reads."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer. `noted`: the values of the headers that are noted, in their order; "" where one is not
    there. `last`: the server closes the connection after it.
    """

    status: int
    noted: tuple[str, ...]
    body: bytes
    last: bool


class AnswerReader:
    """Reads answers; `note` names the headers whose values are wanted."""

    def __init__(self, note: tuple[str, ...] = ()) -> None:
        self._note = [re.compile(rb"\r\n%s:[ \t]*([^\r]*)" % re.escape(name.encode()), re.IGNORECASE) for name in note]

    def read(self, data: bytes) -> Answer | None:
        """The answer in `data`; None where it is not complete. Raises Malformed, for bytes behind it too."""
        end = data.find(_END)
        if end < 0:
            if len(data) > MAX_HEAD_BYTES:
                raise Malformed("the head has no end")
            return None
        head = data[:end]
        status = _status(head)
        body = _body(head, status, data, end + len(_END))
        if body is None:
            return None
        found = [pattern.search(head) for pattern in self._note]
        noted = tuple(one[1].decode("latin-1").strip() if one else "" for one in found)
        return Answer(status, noted, body, _CLOSE.search(head) is not None)


def _status(head: bytes) -> int:
    text = head[9:12]
    if not head.startswith(b"HTTP/1.1 ") or not text.isdigit():
        raise Malformed(f"no answer of HTTP/1.1: {head[:40]!r}")
    return int(text)


def _body(head: bytes, status: int, data: bytes, start: int) -> bytes | None:
    length = _LENGTH.search(head)
    if length is not None:
        end = start + int(length[1])
        if len(data) > end:
            raise Malformed("more bytes than the answer has")
        return data[start:] if len(data) == end else None
    if _CHUNKED.search(head):
        return _chunks(data, start)
    if status in _BODILESS:
        return b""
    raise Malformed("an answer that does not say how long it is")


def _chunks(data: bytes, at: int) -> bytes | None:
    """The body in chunks that begins at `at`; a trailer is not read."""
    parts: list[bytes] = []
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return None
        try:
            size = int(data[at:line].partition(b";")[0], 16)
        except ValueError as error:
            raise Malformed(f"no size of a chunk: {data[at : line + 2][:40]!r}") from error
        after = line + 2 + size
        if len(data) < after + 2:
            return None
        if data[after : after + 2] != b"\r\n":
            raise Malformed("a chunk that does not end where it says, or a trailer")
        if size == 0:
            if len(data) > after + 2:
                raise Malformed("more bytes than the answer has")
            return b"".join(parts)
        parts.append(data[line + 2 : after])
        at = after + 2
