"""The work of the validator, written as one would by hand: a pydantic model and a set of ids.

Used by all rivals, so that they differ in their runtime alone. Imports nothing of ours.
"""

from __future__ import annotations

import hmac
import io
import json
from collections import deque
from pathlib import Path
from typing import Annotated, Any, Literal

import fastavro
from pydantic import BaseModel, Field, StringConstraints, ValidationError

HEADER = 10
WINDOW_MS = 60_000
SCHEMA: Any = fastavro.parse_schema(json.loads((Path(__file__).parent.parent / "model" / "payments.avsc").read_text()))


class Payment(BaseModel):
    """Nine of the ten expectations; the tenth is in `Checker`."""

    event_id: str
    card: str
    merchant: Annotated[str, StringConstraints(pattern=r"^M[0-9]{4}$")]
    channel: Literal["chip", "stripe", "online", "phone"] | None
    amount: Annotated[float, Field(ge=0, le=10_000)]
    distance: Annotated[float, Field(ge=0, le=20_000)] | None
    tries: Annotated[int, Field(ge=0, le=20)] | None
    merchant_risk: Annotated[float, Field(ge=0, le=1)] | None
    terminal: Annotated[str, StringConstraints(min_length=1, max_length=12)] | None


class Checker:
    """Says of a record why it is dead, or what goes to clean. Remembers the ids of one minute of event time, while it
    lives.

    `key`: with one, cards are replaced by a keyed hash and terminals masked, so that a record is encoded anew.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key
        self._ids: set[str] = set()
        self._order: deque[tuple[int, str]] = deque()

    @classmethod
    def of_file(cls, path: str = "") -> Checker:
        """With the key in a file; without a file there is no key."""
        return cls(Path(path).read_bytes() if path else None)

    def __call__(self, value: bytes, key: bytes | None) -> tuple[str | None, bytes, bytes | None]:
        """(reason or None, the value to write, the key to write)."""
        try:
            row = decode(value)
            Payment.model_validate(row)
        except ValidationError as error:
            return str(error.errors()[0]["msg"]), value, key
        except (ValueError, EOFError, IndexError) as error:
            return repr(error), value, key
        reason = self._repeated(row["event_id"], int(row["at"].timestamp() * 1000))
        if reason is not None or self._key is None:
            return reason, value, key
        return None, *self._hidden(value[:HEADER], row)

    def _hidden(self, header: bytes, row: dict[str, Any]) -> tuple[bytes, bytes]:
        assert self._key is not None
        card = hmac.digest(self._key, row["card"].encode(), "sha256").hex()[:32]
        terminal = row["terminal"]
        hidden = {**row, "card": card, "terminal": terminal and "*" * len(terminal)}
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, SCHEMA, hidden)
        return header + stream.getvalue(), card.encode()

    def _repeated(self, event_id: str, at_ms: int) -> str | None:
        while self._order and self._order[0][0] < at_ms - WINDOW_MS:
            self._ids.discard(self._order.popleft()[1])
        if event_id in self._ids:
            return "came before"
        self._ids.add(event_id)
        self._order.append((at_ms, event_id))
        return None


def decode(value: bytes) -> dict[str, Any]:
    """One framed record as a dict."""
    return fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), SCHEMA, None)  # type: ignore[return-value]


def origin(topic: str, partition: int, offset: int) -> bytes:
    """The value of the origin header."""
    return f"{topic}/{partition}/{offset}".encode()
