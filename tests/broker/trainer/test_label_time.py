"""The world is turned round in the midst of a stream: the platform's own parts find it, learn it anew and swap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.trainer.world import DAY_ONE, MODEL_FILE, World
from tests.support.polling import until
from tidemill.settings import KafkaSettings

TURNED_AT = 2_000
ROWS = 3_200
STEP = 200


@pytest.fixture
def world(kafka: str, prefix: str, root: Path, tmp_path: Path) -> Iterator[World]:
    """A platform whose model may be fitted again of its own accord."""
    text = MODEL_FILE.replace("on: [drift]", "on: [drift, quality]").replace("delay: 1h", "delay: 10m")
    made = World(root, tmp_path, KafkaSettings(kafka_bootstrap=kafka, prefix=prefix), text)
    yield made
    made.close()


def test_turned_labels_lead_to_an_alarm_a_fit_on_the_rows_since_then_and_a_takeover_whatever_is_killed(
    world: World,
) -> None:
    world.start()
    world.push_events(0, STEP)
    world.push_labels(0, STEP)
    for first in range(STEP, ROWS, STEP):
        world.push_events(first, STEP)
        world.push_labels(first, STEP, turned=first >= TURNED_AT)
        if first == TURNED_AT + STEP:
            until(lambda: "answers became worse" in world.log(), 180, "an alarm")
            world.kill()
            world.start()

    until(lambda: world.has_said("takes over in label time"), 240, "a takeover")
    until(lambda: any(one.by == "label_time" for one in world.releases()), 60, "its release")

    fits = [run for run in world.runs() if run.state == "finished"]
    assert fits[0].cause == "first_data" and len({run.request_id for run in fits}) == len(fits), "each once"
    answer = next(run for run in fits if run.cause == "quality")
    assert answer.change_point is not None
    assert abs(answer.change_point.event_time - (DAY_ONE + TURNED_AT * 60_000)) <= 40 * 60_000
    assert {one.topic for one in answer.change_point.offsets} == {world.catalog.name("clean", "tide")}

    swap = next(one for one in world.releases() if one.by == "label_time")
    assert swap.action == "promoted" and swap.published.champion.version >= (answer.version or 0)
    (evidence,) = swap.evidence
    assert evidence.detector == "label_time" and evidence.statistic >= evidence.threshold
    assert [one.action for one in world.releases()] == ["promoted"] * len(world.releases())
    assert [one.published.champion.version for one in world.releases() if one.by == "trainer"] == [1], "the first one"
