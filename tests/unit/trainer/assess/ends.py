"""A process that ends in the midst of its work, again and again."""

from __future__ import annotations

import random

from sqlalchemy import event

from tests.unit.trainer.assess.bench import Bench

MOST_ENDS = 500


class _Ended(BaseException):
    """No error that anything would catch: the end of a process."""


def turns_though_it_ends(bench: Bench, seed: int) -> int:
    """All turns, where one commit in eight is the end of the process instead, and another takes its place; gives how
    often. Fails the test where it never comes through.
    """
    chance, ends = random.Random(seed), 0

    def end_before(connection: object) -> None:
        nonlocal ends
        if chance.random() < 1 / 8:
            ends += 1
            raise _Ended

    event.listen(bench.engine, "commit", end_before)
    try:
        while ends < MOST_ENDS:
            try:
                bench.restart()
                bench.turns()
                return ends
            except _Ended:
                continue
        raise AssertionError(f"not through after {ends} ends")
    finally:
        event.remove(bench.engine, "commit", end_before)
