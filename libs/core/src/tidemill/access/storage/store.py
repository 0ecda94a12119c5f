"""Keys in SQL: created, rotated and revoked by administrators, read by services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, inspect, select, update
from sqlalchemy.exc import DBAPIError

from tidemill.access.credentials.callers import FORMS, scope_named, scopes_of
from tidemill.access.credentials.keys import KeyRecord, digest_of, new_id, new_secret, written
from tidemill.access.storage.audit import Act, note
from tidemill.access.storage.tables import api_keys
from tidemill.clock import Clock


class UnknownKey(LookupError):
    """There is no key of that id, or it has been revoked."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A key at the only time at which its secret is known: `text` is for its owner, and is kept nowhere."""

    record: KeyRecord
    text: str


class KeyStore:
    """The keys of one database. Every change stands in the audit log, in the same transaction. Thread-safe."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self, name: str, scopes: Iterable[str], by: str, *, rate: str | None = None, expires_at: int | None = None
    ) -> Issued:
        """A new key. `expires_at`: ms since the epoch. Raises ValueError without a scope, or for one that is none."""
        wanted = frozenset(map(scope_named, scopes))
        if not wanted:
            raise ValueError(f"a key needs a scope: {', '.join(FORMS)}")
        key_id, secret, now = new_id(), new_secret(), self._clock.now_ms()
        record = KeyRecord(key_id, name, wanted, digest_of(secret), now, by, rate, expires_at)
        detail = {"name": name, "scopes": sorted(wanted), "rate": rate, "expires_at": expires_at}
        with self._engine.begin() as connection:
            connection.execute(insert(api_keys).values(_values(record)))
            note(connection, Act(now, by, "keys.create", key_id, detail))
        return Issued(record, written(key_id, secret))

    def rotate(self, key_id: str, by: str, grace_ms: int = 0) -> Issued:
        """A new secret for a key; the old one holds for `grace_ms` more. Raises UnknownKey."""
        secret, now = new_secret(), self._clock.now_ms()
        with self._engine.begin() as connection:
            before = _usable(connection, key_id)
            change: dict[str, Any] = {
                "digest": digest_of(secret),
                "previous_digest": before.digest if grace_ms else None,
                "previous_until": now + grace_ms if grace_ms else None,
                "rotated_at": now,
            }
            connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(change))
            note(connection, Act(now, by, "keys.rotate", key_id, {"grace_ms": grace_ms}))
            return Issued(_usable(connection, key_id), written(key_id, secret))

    def revoke(self, key_id: str, by: str, reason: str = "") -> None:
        """End a key for ever. Raises UnknownKey."""
        now = self._clock.now_ms()
        with self._engine.begin() as connection:
            _usable(connection, key_id)
            gone = {"revoked_at": now, "previous_digest": None, "previous_until": None}
            connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(gone))
            note(connection, Act(now, by, "keys.revoke", key_id, {"reason": reason}))

    def all(self) -> list[KeyRecord]:
        """Every key, revoked ones too, oldest first; none where nobody has made the tables yet."""
        wanted = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        try:
            with self._engine.connect() as connection:
                return [_record(row) for row in connection.execute(wanted)]
        except DBAPIError:
            if inspect(self._engine).has_table(api_keys.name):
                raise
            return []


def _usable(connection: Connection, key_id: str) -> KeyRecord:
    wanted = select(api_keys).where((api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None))
    row = connection.execute(wanted).first()
    if row is None:
        raise UnknownKey(f"there is no key {key_id}, or it has been revoked")
    return _record(row)


def _values(record: KeyRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in KeyRecord.__slots__} | {"scopes": sorted(record.scopes)}


def _record(row: Row[Any]) -> KeyRecord:
    values = {name: row._mapping[name] for name in KeyRecord.__slots__}
    return KeyRecord(**(values | {"scopes": scopes_of(row.scopes)}))
