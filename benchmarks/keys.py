"""A key as `tidemill keys create` makes it."""

from __future__ import annotations

from tidemill.access.callers import Scope
from tidemill.access.migrate import migrate_access
from tidemill.access.store import KeyStore
from tidemill.clock import SystemClock
from tidemill.database import connect


def new_key(database_url: str, rate: str) -> str:
    """A new key that may ask for predictions at most at `rate`, in a database that is made where there is none."""
    engine = connect(database_url)
    migrate_access(engine)
    return KeyStore(engine, SystemClock()).create("bench", [Scope.PREDICT], "bench", rate=rate).text
