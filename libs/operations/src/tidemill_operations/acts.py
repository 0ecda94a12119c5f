"""What administrators do by command line, into the audit log: before it is done, so that nothing is done unnoted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill_operations.person import who

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tidemill_operations.platform import PlatformView


def audit_engine(platform: PlatformView) -> Engine:
    """The platform's database, with the tables of access. Raises ConfigError where it cannot be reached."""
    from tidemill.access.migrate import migrate_access
    from tidemill.database import connect

    engine = connect(platform.settings.database_url)
    migrate_access(engine)
    return engine


def note_act(platform: PlatformView, act: str, subject: str, **detail: Any) -> None:
    """Note that somebody does `act` (such as `dlq.replay`) to `subject`. Raises ConfigError where the database cannot
    be reached: then it is not to be done.
    """
    from tidemill.access.storage.audit import Act, note

    with audit_engine(platform).begin() as connection:
        note(connection, Act(time.time_ns() // 1_000_000, who(), act, subject, detail))


def acts_on(platform: PlatformView, subject: str) -> list[dict[str, Any]]:
    """All acts that were done to a subject (`at` in ms, `act`, `detail`), in the order of their noting; none where
    there is no audit log yet. Raises ConfigError where the database cannot be read.
    """
    from sqlalchemy.engine import make_url

    from tidemill.database import connect
    from tidemill_operations.references.reading import read_rows

    url = make_url(platform.settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return []
    engine = connect(platform.settings.database_url, reads_only=True)
    try:
        rows = read_rows(engine, "audit_log", ("id", "at", "act", "subject", "detail"))
    finally:
        engine.dispose()
    return sorted((row for row in rows if row["subject"] == subject), key=lambda row: row["id"])
