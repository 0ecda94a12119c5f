"""Which faults come, in which order: from the seed alone. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

KINDS = ("validator", "stream", "serve", "ingest", "profile", "detect", "trainer")
KILL, TERMINATE, FREEZE = "kill", "terminate", "freeze"
BROKER_KILL, BROKER_FREEZE = "kill the broker", "freeze the broker"
CUT, SLOW, BLACK_HOLE = "cut all connections", "slow network", "black hole"
REDIS_KILL = "kill Redis"
AROUND = {BROKER_KILL: 0.0, BROKER_FREEZE: 7.0, CUT: 3.0, SLOW: 8.0, BLACK_HOLE: 4.0, REDIS_KILL: 3.0}
"""Faults around the processes, and for how many seconds they last."""
FROZEN_S = (3.0, 10.0)
"""Shorter than a session and longer than one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fault. `kind`: the process that it hits, empty where it hits what is around them all."""

    fault: str
    kind: str
    seconds: float

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.0f} s" if self.seconds else ""
        return " ".join(part for part in (self.fault, self.kind) if part) + lasting


def schedule(seed: int, count: int) -> list[Step]:
    """`count` faults. Each process is ended in one half of them alone, so that the other half sees one incarnation of
    it from end to end.
    """
    chance = random.Random(seed)
    kinds = list(KINDS)
    chance.shuffle(kinds)
    ended = kinds[: len(kinds) // 2 + 1], kinds[len(kinds) // 2 + 1 :]
    sizes = (count + 1) // 2, count // 2
    return [step for mine, size in zip(ended, sizes, strict=True) for step in islice(_deck(chance, mine), size)]


def _deck(chance: random.Random, ended: list[str]) -> Iterator[Step]:
    """Every fault of this half comes before one comes again; a kill and one around the processes come first, so that
    a short soak has both.
    """
    while True:
        cards = [Step(fault, "", seconds) for fault, seconds in AROUND.items()]
        cards += [Step(KILL, kind, 0.0) for kind in ended]
        cards += [Step(TERMINATE, kind, 0.0) for kind in chance.sample(ended, 2)]
        cards += [Step(FREEZE, kind, round(chance.uniform(*FROZEN_S), 1)) for kind in chance.sample(KINDS, 3)]
        chance.shuffle(cards)
        first = [next(card for card in cards if card.fault == KILL), next(card for card in cards if not card.kind)]
        yield from (*first, *(card for card in cards if card not in first))
