"""Detection on a real broker: what is asked for once is not asked for again after a restart."""

from __future__ import annotations

from typing import Any

from tests.broker.drift.conftest import PARTITIONS, World
from tests.support.polling import until


def _requests(world: World) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for request in world.read("retrain_requests", "retrain-request"):
        found.setdefault(request["request_id"], []).append(request)
    return found


def _measured(world: World) -> set[int]:
    return {event["window"] for event in world.read("model_performance", "model-performance")}


def test_worse_answers_are_found_and_a_restart_of_detect_makes_no_second_request(world: World) -> None:
    world.publish_version(1)
    world.start("profile")
    detect = world.start("detect")
    world.push(0, 1_200, late=0.25)
    until(lambda: {0, 1, 2, 3} <= _measured(world), 60, "windows of the calm beginning are measured")
    assert not _requests(world)
    world.push(1_200, 1_200, late=0.55)
    until(lambda: {8, 9} <= _measured(world), 60, "windows of the worse part are measured")
    before = _requests(world)
    first = next(iter(before.values()))[0]
    assert first["cause"] == "quality"
    assert any(e["kind"] == "quality" and e["statistic"] > e["threshold"] for e in first["evidence"])
    world.kill(detect)
    world.start("detect")
    world.push(2_400, 1_200, late=0.55)
    until(lambda: {14, 15} <= _measured(world), 60, "windows after the restart are measured")
    after = _requests(world)
    assert set(before) < set(after)
    for repeats in after.values():
        assert all(repeat == repeats[0] for repeat in repeats)
    times = [repeats[0]["event_time"] for repeats in after.values()]
    assert len(set(times)) == len(times), "one window asks once"
    events = world.read("drift_events", "drift-event")
    assert {len(event["offsets"]) for event in events} == {PARTITIONS}
    assert {event["version"] for event in events} == {1}
