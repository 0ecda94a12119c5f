"""One HTTP exchange, and what its end means for a notice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from tidemill.notify.delivery import NotDelivered, scrubbed
from tidemill.notify.notice import one_line

__all__ = ["Answer", "Http"]

MOST_BYTES = 8 << 20
"""Of an answer: a page of GitHub's issues, whose texts hold 64 KiB each, has room in it."""
SAID = 200
OF_NOTICE = frozenset({400, 413, 415, 422})
"""The other side works, and refuses what this notice says."""
MOST_WAIT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the body is read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """Speaks to one server, whose address is the operator's. Follows no redirect: it would lead elsewhere. What is
    logged and raised holds none of `secrets`. A proxy of the environment is asked, as by every program.
    """

    def __init__(self, timeout_s: float, secrets: Collection[str], now: Callable[[], float] = time.time) -> None:
        for name in ("httpx2", "httpcore2"):  # they log addresses and headers, in which secrets stand
            logging.getLogger(name).setLevel(logging.WARNING)
        self._timeout_s, self._secrets, self._now = timeout_s, tuple(secrets), now
        self._client: httpx2.Client | None = None

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, **query: Any) -> Answer:
        """One exchange that ended well (2xx). Raises NotDelivered for any other."""
        deadline = time.monotonic() + 3 * self._timeout_s
        try:
            with self._opened().stream(
                method, url, headers=dict(headers), content=body, params=query or None
            ) as response:
                answer = Answer(response.status_code, response.headers, self._read(response, deadline))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            said = one_line(str(error)) or "no answer in time"
            raise NotDelivered(self._clean(f"{type(error).__name__}: {said}")) from None
        if not 200 <= answer.status < 300:
            raise self._refusal(answer)
        return answer

    def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            self._client.close()

    def _opened(self) -> httpx2.Client:
        """Made when it is first needed: a proxy or an authority that is wrong fails the notice, not the process."""
        if self._client is None:
            try:
                self._client = httpx2.Client(timeout=self._timeout_s, follow_redirects=False)
            except (ImportError, OSError, ValueError) as error:  # its words may hold a proxy's password
                named = "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or SSL_CERT_FILE of the environment cannot be used"
                raise NotDelivered(f"{named}: {type(error).__name__}, the value is not shown") from None
        return self._client

    def _read(self, response: httpx2.Response, deadline: float) -> bytes:
        """A server that answers without an end, or byte by byte, is not listened to for longer."""
        found = bytearray()
        for part in response.iter_bytes():
            found += part
            if len(found) > MOST_BYTES or time.monotonic() > deadline:
                raise ValueError("the answer is too long")
        return bytes(found)

    def _refusal(self, answer: Answer) -> NotDelivered:
        said = one_line(self._clean(answer.body.decode(errors="replace")))[:SAID]
        status = answer.status
        if 300 <= status < 400:
            return NotDelivered(
                f"HTTP {status}: it points elsewhere, and redirects are not followed: set the final address"
            )
        reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
        wait = retry_after(answer.headers, self._now()) if status not in OF_NOTICE else None
        return NotDelivered(reason, retry_after_s=wait, of_notice=status in OF_NOTICE)

    def _clean(self, text: str) -> str:
        return scrubbed(text, self._secrets)


def retry_after(headers: Mapping[str, str], now_s: float) -> float | None:
    """How long the other side wants to be left alone, in s, at most an hour: Retry-After, or GitHub's reset of a limit
    that is used up. None where it says nothing that can be read.
    """
    said = headers.get("retry-after", "").strip()
    until = headers.get("x-ratelimit-reset", "") if headers.get("x-ratelimit-remaining") == "0" else ""
    try:
        if said:
            wait = float(said) if said.replace(".", "", 1).isdigit() else _seconds_to(said, now_s)
        elif until:
            wait = float(until) - now_s
        else:
            return None
    except ValueError:
        return None
    return min(max(wait, 0.0), MOST_WAIT_S)


def _seconds_to(date: str, now_s: float) -> float:
    when = parsedate_to_datetime(date)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.fromtimestamp(
        now_s, UTC
    ).timestamp()
