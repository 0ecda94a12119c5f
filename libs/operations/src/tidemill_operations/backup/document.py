"""What a backup says of itself: written last, and with a digest of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from tidemill_operations.errors import NotPossible

DATABASE, TOPICS, ARTIFACTS, TABLES = "database", "topics", "artifacts", "tables"
PARTS = (DATABASE, TOPICS, ARTIFACTS, TABLES)
"""What a backup consists of, in the order in which it is taken."""


class Damaged(NotPossible):
    """A backup is not what was written. The message names the place."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a backup: `bytes` of the object `object` from `at` on, whose SHA-256 (hex) is `sha256`. `path`: below
    the root of its part. `mark`: what the source's store said of it; empty where that does not tell a change.
    """

    path: str
    sha256: str
    bytes: int
    object: str
    at: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Files that belong together. `listing`: the object that lists them; `version`: of a table, else None."""

    kind: Literal["database", "topics", "artifacts", "tables"]
    name: str
    listing: str
    files: int
    bytes: int
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """What served a model at that time. `digest`: SHA-256 hex of the manifest."""

    model: str
    epoch: int
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic at that time: its id, empty where brokers tell none, and how many partitions it had."""

    id: str
    partitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A whole backup. Times are ms since the epoch; `release`: of Tidemill; `artifacts` and `tables`: where they were,
    as URIs; `topics`: of the platform, by full name; `absent`: what is referred to and was not there, in words.
    """

    name: str
    begun_at: int
    finished_at: int
    release: str
    prefix: str
    artifacts: str
    tables: str
    parts: tuple[Part, ...]
    serving: tuple[Serving, ...] = ()
    topics: dict[str, TopicFacts] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    format: Literal[1] = 1

    def of(self, kind: str) -> tuple[Part, ...]:
        """Its parts of a kind."""
        return tuple(part for part in self.parts if part.kind == kind)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(part.bytes for part in self.parts)

    def to_bytes(self) -> bytes:
        """Canonical JSON, with the SHA-256 of what it says beside it."""
        said = _canonical(asdict(self))
        return _canonical({"backup": json.loads(said), "sha256": hashlib.sha256(said).hexdigest()})

    @classmethod
    def from_bytes(cls, data: bytes, place: str) -> Backup:
        """Raises Damaged, with the place, for anything else than what `to_bytes` gave."""
        try:
            document = json.loads(data)
            said, digest = document["backup"], document["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(f"{place} is damaged: it is no backup's description ({error!r})") from None
        found = hashlib.sha256(_canonical(said)).hexdigest()
        if found != digest:
            raise Damaged(f"{place} is damaged: it has SHA-256 {found}, and says {digest}")
        if said.get("format") != 1:
            raise NotPossible(f"{place} is of another release of Tidemill (format {said.get('format')}): use that one")
        try:
            return _adapter().validate_python(said)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Damaged(f"{place} is damaged: {where}: {first['msg']}") from None


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@cache
def _adapter() -> TypeAdapter[Backup]:
    return TypeAdapter(Backup)
