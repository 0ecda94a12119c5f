"""The audit log of administrative acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from tidemill.access.storage.tables import audit_log


@dataclass(frozen=True, slots=True)
class Act:
    """One administrative act. `at`: ms since the epoch; `act`: such as `keys.revoke`; `subject`: what it was done
    to.
    """

    at: int
    by: str
    act: str
    subject: str
    detail: Mapping[str, Any]


def note(connection: Connection, act: Act) -> None:
    """Add an act, in the caller's transaction: it is noted if and only if it was done."""
    values = {"at": act.at, "by": act.by, "act": act.act, "subject": act.subject, "detail": dict(act.detail)}
    connection.execute(insert(audit_log).values(values))


def acts(engine: Engine, most: int = 100, subject: str | None = None) -> list[Act]:
    """The newest acts, newest first; of one subject where it is named."""
    wanted = select(audit_log).order_by(audit_log.c.id.desc()).limit(most)
    if subject is not None:
        wanted = wanted.where(audit_log.c.subject == subject)
    with engine.connect() as connection:
        return [Act(row.at, row.by, row.act, row.subject, row.detail) for row in connection.execute(wanted)]
