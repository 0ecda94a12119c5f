"""What administrators do by command line, into the audit log: before it is done, so that nothing is done unnoted."""

from __future__ import annotations

import time
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
