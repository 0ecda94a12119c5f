"""Asking the platform's own services whether they are there."""

from __future__ import annotations

from pathlib import Path

from tidemill.web.tls.asking import fetch

_LONGEST_ANSWER = 4_096
OK = 200


def answers(url: str | None, certificate: Path | None = None, timeout_s: float = 2.0) -> bool:
    """Whether a GET of `url` gives 200 in time; None has nothing to ask and is fine. `certificate`: the file that the
    service serves with, where it speaks TLS.
    """
    return url is None or answer(url, certificate, timeout_s)[0] == OK


def answer(url: str, certificate: Path | None = None, timeout_s: float = 2.0) -> tuple[int, bytes]:
    """Status and beginning of what a GET of `url` gives; status 0 where nothing answers in time."""
    return fetch(url, certificate, timeout_s, _LONGEST_ANSWER)
