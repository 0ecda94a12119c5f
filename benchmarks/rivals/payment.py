"""The work of the validator, written as one would by hand: a pydantic model and a set of ids.

Used by all rivals, so that they differ in their runtime alone. Imports nothing of ours.
"""

from __future__ import annotations

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
    """Says why a record is dead, or None. Remembers the ids of one minute of event time, while it lives."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._order: deque[tuple[int, str]] = deque()

    def __call__(self, value: bytes) -> str | None:
        try:
            row = decode(value)
            Payment.model_validate(row)
        except ValidationError as error:
            return str(error.errors()[0]["msg"])
        except (ValueError, EOFError, IndexError) as error:
            return repr(error)
        return self._repeated(row["event_id"], int(row["at"].timestamp() * 1000))

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
