"""Metrics of access, declared once."""

from __future__ import annotations

from prometheus_client import Counter

REFUSED = Counter("tidemill_access_refused", "Requests refused before they were looked at.", ["reason"])
KEYS_UNREAD = Counter("tidemill_access_keys_unread", "Failed readings of the keys from the database.")
