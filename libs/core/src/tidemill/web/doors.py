"""Who may hold a connection, and for how long.

A connection costs a little and keeps somebody else out, so what says nothing, or says it too slowly, is closed: no
first byte, a head or a body that trickles in, an answer that nobody reads. Where all places are taken, the one that has
been idle longest makes room for the next; if none is idle, the next is told to come back, unless it asks for health,
for which there are places beside.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from tidemill.web.metrics import CONNECTIONS_CLOSED

__all__ = ["Connection", "DoorLimits", "Doors"]

SWEEP_S = 0.5
RESERVE = 64
"""Connections beside, on which only health is answered."""
HEALTH = frozenset({b"/health/live", b"/health/ready", b"/v2/health/live", b"/v2/health/ready"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """`head_s`: to the first byte, and then to the end of the head. `body_s`: for a body, and a second more for each
    `body_bytes_a_s` bytes that have come. `unread_s`: how long a client may read nothing of its answer.
    """

    connections: int = 512
    head_s: float = 10.0
    body_s: float = 30.0
    body_bytes_a_s: int = 16_384
    unread_s: float = 60.0
    head_bytes: int = 65_536


class Connection(Protocol):
    """One connection, as the doors see it."""

    def look(self, now: float) -> None:
        """Close it where it is too late."""

    def idle_since(self) -> tuple[bool, float] | None:
        """Whether it has ever asked anything, and since when it has been idle; None while it is not."""

    def end(self, reason: str) -> None:
        """Close it at once."""


class Doors:
    """The connections of one server. Belongs to one event loop."""

    def __init__(self, limits: DoorLimits) -> None:
        self.limits = limits
        self._sweeping = False

    def enter(self, new: Connection, connections: Collection[Connection]) -> bool:
        """A connection has come, and is among `connections` already. Whether it has a place of its own; else health
        alone is answered on it, or it has been closed.
        """
        if not self._sweeping:
            self._sweeping = True
            loop = asyncio.get_running_loop()
            loop.call_later(SWEEP_S, self._sweep, loop, connections)
        if len(connections) <= self.limits.connections or self._make_room(new, connections):
            return True
        if len(connections) > self.limits.connections + RESERVE:
            new.end("full")
        return False

    def _make_room(self, new: Connection, connections: Collection[Connection]) -> bool:
        idle = [(since, other) for other in connections if other is not new and (since := other.idle_since())]
        if not idle:
            return False
        _, longest = min(idle, key=lambda found: found[0])
        longest.end("room")
        return True

    def _sweep(self, loop: asyncio.AbstractEventLoop, connections: Collection[Connection]) -> None:
        now = loop.time()
        for connection in list(connections):
            try:
                connection.look(now)
            except Exception:  # noqa: BLE001 - one that cannot be looked at must not keep the others from it
                _log.exception("a connection cannot be looked at, and is closed")
                connection.end("defect")
        self._sweeping = bool(connections)
        if self._sweeping:
            loop.call_later(SWEEP_S, self._sweep, loop, connections)


def closed(reason: str) -> None:
    """Count a connection that was closed."""
    CONNECTIONS_CLOSED.labels(reason).inc()
