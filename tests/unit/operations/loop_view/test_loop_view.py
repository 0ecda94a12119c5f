"""What `tidemill top` knows, from recorded offsets and records of the platform's topics."""

from __future__ import annotations

from typing import Any

from tidemill_operations.feed import News, identity
from tidemill_operations.loop_view.counts import Counts, Speeds
from tidemill_operations.loop_view.frame import Frame, Story
from tidemill_operations.standing.label_counts import LabelsMet

ROLES = ("raw", "clean", "labels_raw", "predictions", "labels")
TOPICS = {role: f"p-loan-{role}" for role in ROLES}
VALIDATOR, STREAM = "p-validator-all", "p-inference-default"


def look(at_s: float, raw: int, validated: int, predicted: int) -> Counts:
    passed = {(VALIDATOR, TOPICS["raw"]): validated, (STREAM, TOPICS["clean"]): predicted}
    behind = {(VALIDATOR, TOPICS["raw"]): raw - validated, (STREAM, TOPICS["clean"]): validated - predicted}
    return Counts(at_s, {TOPICS["raw"]: raw, TOPICS["clean"]: validated}, passed, behind)


def told(speeds: Speeds) -> dict[str, tuple[float | None, int | None]]:
    return {step.name: (step.per_s, step.behind) for step in speeds.steps(TOPICS)}


def test_a_speed_needs_two_looks_and_a_step_that_nobody_does_has_none() -> None:
    speeds = Speeds("p-")
    speeds.add(look(10.0, 1_000, 900, 500))
    first = told(speeds)
    assert first["events validated"] == (None, 100)
    speeds.add(look(12.0, 1_400, 1_000, 800))
    second = told(speeds)
    assert second["events pushed"] == (200.0, None)
    assert second["events validated"] == (50.0, 400)
    assert second["predicted"] == (150.0, 200)
    assert second["labels validated"] == second["watched for drift"] == (None, None)


def test_speeds_are_of_the_last_seconds_and_never_below_nothing() -> None:
    speeds = Speeds("p-")
    for second in range(20):
        speeds.add(look(float(second), 100 * second if second < 10 else 1_000, 0, 0))
    assert told(speeds)["events pushed"] == (0.0, None)
    speeds.add(look(20.0, 7, 0, 0))
    assert told(speeds)["events pushed"] == (0.0, None), "a topic that was made anew counts from nothing"


def test_of_two_groups_that_read_a_topic_the_farther_one_is_told() -> None:
    speeds, topic = Speeds(), TOPICS["raw"]
    behind = {("validator-old", topic): 900, ("validator-all", topic): 3, ("other-validator-x", topic): 0}
    speeds.add(Counts(1.0, {topic: 1_000}, {key: 1_000 - left for key, left in behind.items()}, behind))
    assert told(speeds)["events validated"] == (None, 3)


def news(of: str, at: int, offset: int = 0, **datum: Any) -> News:
    return News(of, 0, offset, at, {"model": "loan", **datum})


RECORDED = [
    news("drift_events", 3, event_id="d", subject="amount", detail="most of all bin 2"),
    news("drift_events", 4, 1, event_id="d", subject="amount", detail="most of all bin 2"),
    news("retrain_requests", 5, request_id="q", requested_by="label_time", cause="quality"),
    news("retrain_runs", 6, event_id="r/started", run_id="r", state="started", reason="attempt 1", cause="quality",
         version=None, mixture=None),
    news("retrain_runs", 8, 1, event_id="r/finished", run_id="r", state="finished", reason="better", cause="quality",
         version=4, mixture=None),
    news("retrain_runs", 7, 2, event_id="s/refused", run_id="s", state="refused", reason="cooldown: 0.3 h",
         cause="drift", version=None, mixture=None),
    News("model_releases", 0, 0, 9, {"release_id": "e5", "action": "promoted", "reason": "it won", "by": "gate",
                                     "published": {"model": "loan", "champion": {"version": 4}}}),
    news("model_versions", 9, epoch=5, champion={"version": 4}, challenger={"version": 6}, challenger_share=0.1),
    news("model_versions", 2, 1, epoch=4, champion={"version": 3}, challenger=None, challenger_share=0.0),
    news("validator_controls", 1, role="raw", action="paused", reason="flood", control_id="a"),
    news("validator_controls", 10, 1, role="labels_raw", action="paused", reason="flood", control_id="b"),
    news("validator_controls", 11, 2, role="raw", action="resumed", reason="looked", control_id="c"),
    News("model_versions", 0, 3, 12, {}),
]  # fmt: skip


def frame() -> Frame:
    story, speeds = Story(), Speeds("p-")
    speeds.add(look(10.0, 1_000, 900, 500))
    speeds.add(look(12.0, 1_400, 1_000, 800))
    story.take(RECORDED[:5], identity)
    story.take(RECORDED[3:], identity)
    met = LabelsMet(120, 2, ("p-loan-labels/0/7",))
    return Frame(1_000, "kafka:9092", (story.of("loan", 500, speeds.steps(TOPICS), met, (12, True)),), story.happened)


def test_records_of_the_platforms_topics_become_the_state_of_a_model_and_repeats_count_once() -> None:
    facts = frame().facts()
    (model,) = facts["models"]
    assert (model["version"], model["epoch"], model["trial"]) == (4, 5, {"version": 6, "share": 0.1})
    assert (model["drifts"], model["runs"], model["refused"], model["run"]) == (1, 1, 1, "finished (quality)")
    assert model["paused"] == ("labels_raw",)
    assert (model["labels"]["orphans"], model["dead"], model["wanted"]) == (2, 12, 500)


def test_what_happened_is_told_in_the_order_of_time() -> None:
    told = [(one["at"][-7:-6], one["kind"], one["text"]) for one in frame().facts()["happened"]]
    assert [(kind, text) for _, kind, text in told] == [
        ("paused", "raw paused: flood"),
        ("drift", "amount: most of all bin 2"),
        ("asked", "new version asked for by label_time: quality"),
        ("run", "training started: attempt 1"),
        ("refused", "training refused: cooldown: 0.3 h"),
        ("run", "training finished version 4: better"),
        ("release", "promoted: version 4 serves: it won"),
        ("paused", "labels_raw paused: flood"),
        ("resumed", "raw resumed: looked"),
    ]
