"""Three replicas over six partitions, of which some are killed at any point, tell what one process tells that is left
alone: the same alarms for the same windows, and the same figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.broker.drift.conftest import WINDOW, World, world_of
from tests.support.polling import until

DEADLINE_S = 120
PARTITIONS = 6
CALM, ROWS = 700, 1_400
"""Of each partition: until then the first world, then another one. As many windows as *detect* waits for at most."""
WRITTEN = {"profiles": "profile", "drift_events": "drift-event", "model_performance": "model-performance"}
KILLED = ("profile", "detect", "profile")
"""Each at a point that is drawn; the first is left dead, so that two replicas share what three did."""


@pytest.fixture
def worlds(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two platforms beside each other."""
    with ExitStack() as both:
        named = [
            both.enter_context(world_of(kafka, f"{prefix}{n}-", root, tmp_path / str(n), PARTITIONS)) for n in "ab"
        ]
        yield named[0], named[1]


def told(world: World) -> dict[str, Any]:
    """All that *profile* and *detect* wrote, by id; asserts that what was written twice was the same both times."""
    found: dict[str, Any] = {}
    for role, schema in WRITTEN.items():
        for event in world.read(role, schema):
            known = json.loads(json.dumps(event).replace(world.settings.prefix, ""))
            event_id = next(known[name] for name in ("profile_id", "event_id", "performance_id") if name in known)
            assert found.setdefault(event_id, known) == known
    return found


def measured(world: World) -> set[int]:
    return {event["window"] for event in world.read("model_performance", "model-performance")}


def more(world: World, than: int) -> int:
    """How many profiles there are, or 0 where they are no more than that."""
    count = len(world.profiles())
    return count if count > than else 0


def push(world: World, partition: int, first: int, until_row: int) -> None:
    """The same records, however they are cut: rows of one hundred are drawn together."""
    for start in range(first, until_row, 100):
        worse = start >= CALM
        late, carrier = (0.6, "ZZ") if worse else (0.25, "UA")
        world.push(start, 100, late=late, carrier=carrier, partitions=[partition])


def test_killed_and_rebalanced_replicas_tell_what_one_tells_that_is_left_alone(worlds: tuple[World, World]) -> None:
    alone, disturbed = worlds
    rng = np.random.default_rng(20)
    for world in worlds:
        world.publish_version(1, carriers=["UA"])
    running = {part: [disturbed.start(part) for _ in range(count)] for part, count in (("profile", 3), ("detect", 1))}
    for part in ("profile", "detect"):
        alone.start(part)
    for partition in range(PARTITIONS):
        push(alone, partition, 0, ROWS)
    at, whole = dict.fromkeys(range(PARTITIONS), 0), set(range(ROWS // WINDOW - 2))
    to_kill, pushed, seen = [*KILLED], 0, 0
    while pushed < PARTITIONS * ROWS:
        partition = int(rng.choice([p for p, row in at.items() if row < ROWS]))
        count = min(100 * int(rng.integers(1, 6)), ROWS - at[partition])
        push(disturbed, partition, at[partition], at[partition] + count)
        at[partition] += count
        pushed += count
        if to_kill and pushed > (len(KILLED) - len(to_kill) + 1) * PARTITIONS * ROWS // (len(KILLED) + 1):
            seen = until(lambda n=seen: more(disturbed, n), DEADLINE_S, "profiles come")
            of = running[part := to_kill.pop(0)]
            disturbed.kill(of.pop(int(rng.integers(len(of)))))
            if len(to_kill) < len(KILLED) - 1:
                of.append(disturbed.start(part))
    for world in worlds:
        until(lambda w=world: whole <= measured(w), DEADLINE_S, "all windows are measured")
    assert not to_kill
    until(lambda: told(alone).keys() == told(disturbed).keys(), DEADLINE_S, "both have written the same")
    wanted, found = told(alone), told(disturbed)
    for event_id in wanted:
        assert found[event_id] == wanted[event_id]
    assert {(p, w) for p in range(PARTITIONS) for w in whole} <= disturbed.windows("quality")
    alarms = [event for event in wanted.values() if "detector" in event]
    assert {"quality", "feature"} <= {event["kind"] for event in alarms}
    assert "new_category" in {event["failure"] for event in alarms}
