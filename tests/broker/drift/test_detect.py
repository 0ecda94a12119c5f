"""Detection on a real broker: what is asked for once is not asked for again after a restart."""

from __future__ import annotations

from collections import Counter

from tests.broker.drift.conftest import World
from tests.support.polling import until


def test_detect_asks_for_retraining_and_a_restart_repeats_no_request_under_a_new_id(world: World) -> None:
    world.publish_version(1)
    world.start("profile")
    detect = world.start("detect")
    world.push(0, 1_200, late=0.25)
    world.push(1_200, 2_400, late=0.55)
    requests = until(lambda: world.read("retrain_requests", "retrain-request"), 90, f"a request: {world.logs()}")
    assert requests[0]["cause"] == "quality"
    assert any(e["kind"] == "quality" and e["statistic"] > e["threshold"] for e in requests[0]["evidence"])
    world.kill(detect)
    world.start("detect")
    world.push(3_600, 1_200, late=0.55)
    until(
        lambda: len({r["request_id"] for r in world.read("retrain_requests", "retrain-request")}) > len(requests),
        90, f"the next window asks again: {world.logs()}",
    )  # fmt: skip
    again = world.read("retrain_requests", "retrain-request")
    times = [r["event_time"] for r in {r["request_id"]: r for r in again}.values()]
    assert max(Counter(times).values()) == 1, "one window, one request"
    by_id: dict[str, object] = {}
    for request in again:
        assert by_id.setdefault(request["request_id"], request) == request
    assert world.read("drift_events", "drift-event")
    windows = [(e["window"], e["labels"]) for e in world.read("model_performance", "model-performance")]
    assert len({w for w, _ in windows}) >= 4
