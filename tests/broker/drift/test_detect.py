"""Detection on a real broker: what is told once is not told again after a restart, and labels are left to ask."""

from __future__ import annotations

from typing import Any

from tests.broker.drift.conftest import MODEL, PARTITIONS, World
from tests.support.polling import until
from tidemill.kafka.client.clients import admin

DEADLINE_S = 120


def _alarms(world: World) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for event in world.read("drift_events", "drift-event"):
        found.setdefault(event["event_id"], []).append(event)
    return found


def _measured(world: World) -> set[int]:
    return {event["window"] for event in world.read("model_performance", "model-performance")}


def test_worse_answers_are_told_once_over_a_restart_of_detect_and_it_is_left_to_labels_to_ask(world: World) -> None:
    world.publish_version(1)
    world.start("profile")
    detect = world.start("detect")
    world.push(0, 1_200, late=0.25)
    until(lambda: {0, 1, 2, 3} <= _measured(world), DEADLINE_S, "windows of the calm beginning are measured")
    assert not _alarms(world)
    world.push(1_200, 1_200, late=0.55)
    until(lambda: {8, 9} <= _measured(world), DEADLINE_S, "windows of the worse part are measured")
    before = _alarms(world)
    assert any(told[0]["kind"] == "quality" and told[0]["statistic"] > told[0]["threshold"] for told in before.values())
    world.kill(detect)
    world.start("detect")
    world.push(2_400, 1_200, late=0.55)
    until(lambda: {14, 15} <= _measured(world), DEADLINE_S, "windows after the restart are measured")
    after = _alarms(world)
    assert set(before) <= set(after)
    for repeats in after.values():
        assert all(repeat == repeats[0] for repeat in repeats)
    assert not list(world.read("retrain_requests", "retrain-request")), "label time asks, with the place of the change"
    events = world.read("drift_events", "drift-event")
    assert {len(event["offsets"]) for event in events} == {PARTITIONS}
    assert {event["version"] for event in events} == {1}


def test_a_new_detect_takes_in_every_profile_that_waits_though_brokers_answer_late(world: World) -> None:
    world.publish_version(1)
    world.start("profile")
    detect = world.start("detect")
    world.push(0, 1_200, late=0.25)
    until(lambda: {0, 1, 2, 3} <= _measured(world), DEADLINE_S, "the first windows are measured")
    world.kill(detect)
    world.push(1_200, 4_800, late=0.25)
    waiting = {(partition, window) for partition in range(PARTITIONS) for window in range(28)}
    until(lambda: waiting <= world.windows("quality"), DEADLINE_S, "profiles wait")
    world.start("detect", "tests.broker.drift.late_answers")
    until(lambda: set(range(28)) <= _measured(world), DEADLINE_S, "every window is measured")


def test_a_second_detect_stands_by_and_takes_over_from_a_killed_one_without_a_hole(world: World) -> None:
    world.publish_version(1)
    world.start("profile")
    members = [world.start("detect")]
    pushed = 0
    for windows in (4, 10, 16):
        world.push(pushed, 1_200, late=0.25)
        pushed += 1_200
        until(lambda n=windows: set(range(n)) <= _measured(world), DEADLINE_S, f"{windows} windows are measured")
        if len(members) == 2:
            world.kill(members.pop(0))
        members.append(world.start("detect"))
    assert not world.said("Faust left out")


def test_detect_stops_cleanly_and_leaves_no_topic_of_its_own(world: World) -> None:
    detect = world.start("detect")
    until(lambda: world.said("metrics and health"), DEADLINE_S, "detect has begun")
    world.publish_version(1)
    world.start("profile")
    world.push(0, 500, late=0.25)
    until(lambda: 0 in _measured(world), DEADLINE_S, "a window is measured: the version was learned while running")
    detect.terminate()
    assert detect.wait(60) == 0
    known = set(world.topics.all_topics([MODEL]))
    present = set(admin(world.settings).list_topics(timeout=10).topics)
    assert {name for name in present if name.startswith(world.settings.prefix)} == known
