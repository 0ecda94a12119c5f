"""Notices for tests of what carries them."""

from __future__ import annotations

from typing import Any

from tidemill.notify.notice import Notice


def notice(**over: Any) -> Notice:
    """A notice of drift."""
    given: dict[str, Any] = {
        "notice_id": "n-1", "kind": "drift", "model": "tide", "title": "tide: feature drift, wind", "text": "It moved.",
        "at": 1_700_000_000_000, "figures": {"statistic": 0.31}, "links": {"status": "https://s.example/tide"},
    }  # fmt: skip
    return Notice(**(given | over))
