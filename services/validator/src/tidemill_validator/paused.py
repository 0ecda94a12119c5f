"""Raw topics that are paused: what a worker asks about them, and what it tells."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from tidemill.contracts.events.controls import ValidatorControl
from tidemill_validator import metrics

_log = logging.getLogger(__name__)
Stream = tuple[str, str]
"""Model and role."""


class Pauses(Protocol):
    """Which streams are paused, said where every worker and every restart hears it."""

    newest: dict[Stream, ValidatorControl]
    """The newest control of each stream, as read so far."""

    def catch_up(self) -> Mapping[Stream, ValidatorControl]:
        """The newest control of each stream, as of now. Raises RetryLater without brokers."""

    def poll(self) -> bool:
        """Looks for news, now and then; whether there are any."""

    def pause(self, stream: Stream, reason: str) -> None:
        """Say that a stream is paused. Raises RetryLater without brokers."""


def tell(newest: Mapping[Stream, ValidatorControl], streams: Mapping[Stream, str], before: set[str]) -> set[str]:
    """The raw topics that are paused, with metrics and log lines for what has changed since `before`."""
    paused = set()
    for stream, topic in streams.items():
        control = newest.get(stream)
        now = control is not None and control.action == "paused"
        metrics.PAUSED.labels(*stream).set(now)
        if control is not None and now:
            paused.add(topic)
            if topic not in before:
                _log.error(
                    "paused %s: %s; look at its dead letters, mend the producer or the rule, then: tidemill resume %s",
                    topic, control.reason, stream[0],
                    extra={"model": stream[0], "role": stream[1]},
                )  # fmt: skip
        elif control is not None and topic in before:
            _log.warning("%s goes on: resumed by %s: %s", topic, control.by, control.reason)
    return paused
