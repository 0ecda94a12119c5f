"""Freezing a worker in the middle of a transaction: records written, nothing committed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from tests.faults.harness.service import Service
from tests.faults.harness.world import World
from tidemill.kafka.client.clients import admin
from tidemill_operations.standing import groups

OUTPUTS = {"validator": ("clean", "raw_dlq"), "stream": ("predictions",)}
_ROUND_S = 2.0
_FROZEN_S = 2.5
_SETTLE_S = 0.2
"""A live worker's transaction is over in less; that of a frozen one stays open."""


class OpenTransactions:
    """Finds partitions whose last stable offset stays behind their end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = random.Random(world.fault.seed)
        self._admin: AdminClient = admin(world.settings)

    def freeze(
        self, victims: Sequence[Service], feed: Callable[[], None], rounds: int = 3
    ) -> tuple[Service, dict[str, int]]:
        """Stops one of the victims (SIGSTOP) at a moment when it holds a transaction open; gives it, and the records
        that are written and not committed, by partition.

        A victim is stopped first while `feed` pushes, so that it has work for many transactions when it goes on. One
        that holds partitions of labels alone has none: then it is the next one's turn. Fails the test where none is
        met inside a transaction.
        """
        for victim in list(victims) * rounds:
            victim.send(signal.SIGSTOP)
            feed()
            if victim.kind == "stream":
                self._until_clean()
            victim.send(signal.SIGCONT)
            ends = time.monotonic() + _ROUND_S
            while time.monotonic() < ends:
                assert victim.running(), victim.told()
                victim.send(signal.SIGSTOP)
                held = self.held_open(victim)
                if held:
                    return victim, held
                victim.send(signal.SIGCONT)
                time.sleep(self._chance.uniform(0.001, 0.02))
        raise AssertionError(f"none of {', '.join(v.name for v in victims)} was met inside a transaction")

    def _until_clean(self) -> None:
        """The validators have worked on what was fed, or have had their time: the victim must stay in its group."""
        ends = time.monotonic() + _FROZEN_S
        while time.monotonic() < ends and self._world.lag(groups.VALIDATOR, "raw"):
            time.sleep(0.1)

    def held_open(self, victim: Service) -> dict[str, int]:
        first = self._open(victim)
        if not first:
            return {}
        time.sleep(_SETTLE_S)
        second = self._open(victim)
        return {at: high - low for at, (low, high) in second.items() if at in first and first[at][0] == low}

    def _open(self, victim: Service) -> dict[str, tuple[int, int]]:
        topics = [self._world.topic(role) for role in OUTPUTS[victim.kind]]
        stable, written = self._ends(topics, committed=True), self._ends(topics, committed=False)
        return {at: (stable[at], written[at]) for at in written if written[at] > stable[at]}

    def _ends(self, topics: list[str], *, committed: bool) -> dict[str, int]:
        spec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(t, n): spec for t in topics for n in range(self._world.partitions)}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        found = self._admin.list_offsets(wanted, isolation_level=level, request_timeout=10.0)
        return {f"{tp.topic}/{tp.partition}": future.result().offset for tp, future in found.items()}
