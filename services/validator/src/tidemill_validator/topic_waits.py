"""Topics that wait for something outside of Kafka (a schema registry), each by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tidemill.errors import RetryLater

LONGEST_S = 30.0
"""Every try has the others read their batch again, so that it becomes rarer."""

_log = logging.getLogger(__name__)


class Waiting:
    """Which topics wait, until when, and how often they have tried. For one thread at a time."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._until_s: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        self._reasons: dict[str, str] = {}

    def reason(self) -> str | None:
        """A readiness check: which topics wait, and for what. From any thread."""
        reasons = dict(self._reasons)
        return "; ".join(f"{topic} waits, the others go on: {why}" for topic, why in reasons.items()) or None

    @property
    def topics(self) -> set[str]:
        """The topics that are not to be read now."""
        return set(self._until_s)

    def add(self, topic: str, error: RetryLater) -> None:
        """A topic waits: `error.delay_s` the first time, twice as long each time after that."""
        tries = self._tries.get(topic, 0)
        delay_s = min(LONGEST_S, error.delay_s * 2**tries)
        self._until_s[topic], self._tries[topic] = self._monotonic_s() + delay_s, tries + 1
        self._reasons[topic] = str(error)
        level = logging.WARNING if tries == 0 else logging.DEBUG
        _log.log(level, "retrying %s until it works, the others go on: %s", topic, error, extra={"topic": topic})

    def due(self) -> bool:
        """Let those try again whose time has come; whether there are any."""
        if not self._until_s:
            return False
        now = self._monotonic_s()
        due = [topic for topic, until in self._until_s.items() if until <= now]
        for topic in due:
            del self._until_s[topic]
        return bool(due)

    def gone(self, topic: str) -> None:
        """Another process may have it now: no reason of this one; where partitions are left, the next try tells it."""
        self._reasons.pop(topic, None)

    def over(self, topic: str) -> None:
        """A topic's batch went well."""
        self._reasons.pop(topic, None)
        if self._tries and self._tries.pop(topic, 0):
            _log.info("%s goes on", topic, extra={"topic": topic})
