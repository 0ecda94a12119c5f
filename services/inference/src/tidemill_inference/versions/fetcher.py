"""Fetch an artifact from a store that may be slow, hang or break off, and do not wait for it without bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from tidemill.artifact import Artifact, fetch_artifact
from tidemill.artifact.signing import Trusts

MOST_HANGING = 16
"""Reads that do not end although nobody waits for them any more: their number bounds what they hold."""
LEAST_BYTES = 64 << 10
"""Fewer within the time of silence are none: a fetch that trickles is over long before its whole time is."""
_LOOK_S = 0.05


class TooSlow(OSError):
    """The store was given up for now."""


class Fetch(Protocol):
    """As `tidemill.artifact.fetch_artifact`, which is one."""

    def __call__(self, uri: str, digest: str, only: Collection[str]) -> Artifact: ...


class Fetcher:
    """`fetch_artifact` with patience of a stated length. Any thread may use it, several at once.

    A read that hangs cannot be broken off from outside. So each has a thread of its own: whoever waits for it goes
    away after `timeout_s`, or where less than LEAST_BYTES came within `silence_s`, or when `stopped` says so; the read
    itself ends with its next part. As long as it does not, the same artifact is not asked for again, and MOST_HANGING
    such reads are the end of all fetching.
    """

    def __init__(
        self,
        timeout_s: float,
        silence_s: float,
        stopped: Callable[[], bool] = lambda: False,
        monotonic_s: Callable[[], float] = time.monotonic,
        keys: Trusts | None = None,
    ) -> None:
        """`keys`: as of `fetch_artifact`."""
        self._keys = keys
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._stopped = stopped
        self._now = monotonic_s
        self._lock = threading.Lock()
        self._hanging: dict[str, _Read] = {}

    def __call__(self, uri: str, digest: str, only: Collection[str]) -> Artifact:
        """As fetch_artifact. Raises TooSlow, an OSError, where the patience ends."""
        self._check_hanging(uri)
        read = _Read(uri, digest, only, self._now, self._keys)
        read.start()
        while not read.done.wait(_LOOK_S):
            if (reason := self._impatient(read)) is not None:
                read.given_up = True
                with self._lock:
                    self._hanging[uri] = read
                raise TooSlow(f"{uri}: {reason}")
        return read.result()

    def _check_hanging(self, uri: str) -> None:
        with self._lock:
            self._hanging = {name: read for name, read in self._hanging.items() if not read.done.is_set()}
            if uri in self._hanging:
                raise TooSlow(f"{uri}: the read that was given up has not ended yet")
            if len(self._hanging) >= MOST_HANGING:
                raise TooSlow(f"{uri}: {MOST_HANGING} reads that were given up have not ended yet")

    def _impatient(self, read: _Read) -> str | None:
        now = self._now()
        if self._stopped():
            return "given up, the process stops"
        if now - read.began_s > self._timeout_s:
            return f"not fetched within {self._timeout_s:g} s"
        if now - read.latest_s > self._silence_s:
            return f"the store sent less than {LEAST_BYTES} bytes within {self._silence_s:g} s"
        return None


class _Read:
    """One fetch in a thread of its own."""

    def __init__(
        self, uri: str, digest: str, only: Collection[str], now: Callable[[], float], keys: Trusts | None
    ) -> None:
        fetch = fetch_artifact if keys is None else partial(fetch_artifact, keys=keys)
        self._fetch = partial(fetch, uri, digest, only, watch=self._watch)
        self._now = now
        self.began_s = self.latest_s = now()
        self._bytes = 0
        self.given_up = False
        self.done = threading.Event()
        self._outcome: Artifact | Exception | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="fetch", daemon=True).start()

    def result(self) -> Artifact:
        """What was fetched, which is handed over, or raise what the fetch raised."""
        outcome, self._outcome = self._outcome, None
        assert outcome is not None, "asked before its end, or twice"
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _run(self) -> None:
        try:
            outcome: Artifact | Exception = self._fetch()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            outcome = error
        if not self.given_up:
            self._outcome = outcome
        self.done.set()

    def _watch(self, count: int) -> None:
        self._bytes += count
        if self._bytes >= LEAST_BYTES:
            self._bytes, self.latest_s = 0, self._now()
        if self.given_up:
            raise TooSlow("nobody waits for it any more")
