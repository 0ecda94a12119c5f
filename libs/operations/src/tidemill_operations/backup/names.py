"""Names of backups: when they were begun, so that they sort by time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

_FORM = "%Y%m%dT%H%M%SZ"


def new_name(now: datetime | None = None) -> str:
    """A name that no other backup has, such as `20261130T185611Z-3fa2`."""
    return f"{(now or datetime.now(UTC)).strftime(_FORM)}-{secrets.token_hex(2)}"


def taken_at(name: str) -> datetime | None:
    """When a backup of this name was begun; None where the name is none.

    >>> taken_at("20261130T185611Z-3fa2")
    datetime.datetime(2026, 11, 30, 18, 56, 11, tzinfo=datetime.timezone.utc)
    """
    try:
        return datetime.strptime(name.partition("-")[0], _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
