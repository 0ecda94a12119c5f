"""Asking the platform's own services whether they are there."""

from __future__ import annotations

import urllib.error
import urllib.request
from contextlib import suppress

# Our own services, on this machine: never by way of a proxy that the environment names.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LONGEST_ANSWER = 4_096
OK = 200


def answers(url: str | None, timeout_s: float = 2.0) -> bool:
    """Whether a GET of `url` gives 200 in time; None has nothing to ask and is fine."""
    return url is None or answer(url, timeout_s)[0] == OK


def answer(url: str, timeout_s: float = 2.0) -> tuple[int, bytes]:
    """Status and beginning of what a GET of `url` gives; status 0 where nothing answers in time."""
    with suppress(urllib.error.URLError, OSError, ValueError):
        try:
            with _DIRECT.open(url, timeout=timeout_s) as response:
                return response.status, response.read(_LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(_LONGEST_ANSWER)
    return 0, b""
