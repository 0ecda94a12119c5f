"""Profiles on a real broker: the same windows, whatever happens to the process that writes them."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from tests.broker.drift.conftest import MODEL, PARTITIONS, START_MS, World
from tests.support.polling import until
from tidemill.kafka.batch import Output
from tidemill_operations.standing.label_counts import LabelsMet, labels_met

DEADLINE_S = 120
KINDS = ("features", "predictions", "quality")


def _by_id(profiles: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for profile in profiles:
        found[profile["profile_id"]].append(profile)
    return found


def test_a_partition_that_is_idle_is_sealed_and_speaks_again(world: World) -> None:
    world.environment["TIDEMILL_SEAL_AFTER_S"] = "1"
    world.start("profile")
    world.push(0, 500, late=0.25, partitions=[0])

    def seals() -> set[tuple[int, str]]:
        found = [p for p in world.read("profiles", "profile") if p["sealed"]]
        return {(p["partition"], p["kind"]) for p in found}

    until(lambda: {(1, kind) for kind in KINDS} <= seals(), DEADLINE_S, "the idle partition is sealed for every kind")
    world.push(0, 500, late=0.25, partitions=[1])
    until(lambda: {(1, 0), (1, 1)} <= world.windows("features"), DEADLINE_S, "windows after the seal are written")


def test_two_processes_share_the_partitions_and_one_takes_over_from_the_other(world: World) -> None:
    first, second = world.start("profile"), world.start("profile")
    expected = {(p, w) for p in range(PARTITIONS) for w in range(3)}
    world.push(0, 1_000, late=0.25)
    until(lambda: expected <= world.windows("quality"), DEADLINE_S, "labels have met their predictions")
    first.terminate()
    assert first.wait(60) == 0
    world.push(1_000, 400, late=0.25)
    until(lambda: {(p, 5) for p in range(PARTITIONS)} <= world.windows("features"), DEADLINE_S, "one has taken over")
    assert second.poll() is None
    for repeats in _by_id(world.profiles()).values():
        for repeat in repeats:
            assert repeat == repeats[0]


def test_labels_that_are_about_no_event_are_counted_over_a_kill_though_there_is_no_version(world: World) -> None:
    topic = world.topics.name("labels", MODEL)
    platform: Any = SimpleNamespace(settings=world.settings, topics=world.topics)

    def push_labels(partition: int, *ids: str) -> None:
        row = {"label": True, "event_time": START_MS, "observed_at": START_MS}
        label = world.schemas.label(MODEL)
        values = [world.codec.encode_one({"event_id": event_id, **row}, label) for event_id in ids]
        world.publisher.publish_all([Output(topic, values, [b"N1"] * len(ids), partition)])

    def met() -> LabelsMet:
        return labels_met(platform, MODEL)

    process = world.start("profile")
    world.push(0, 100, late=0.25)
    push_labels(0, "0-1", "0-150", "misspelt", "1-1")
    want = LabelsMet(2 * 100 + 4, 3, (f"{topic}/0/103",))
    until(lambda: met() == want, DEADLINE_S, "orphans: no event yet, a made-up id, one of another partition")
    world.kill(process)
    push_labels(1, "1-2", "later", "also later")
    push_labels(1, "1-99", "wrong")
    world.start("profile")
    want = LabelsMet(2 * 100 + 9, 6, (f"{topic}/0/103", f"{topic}/1/104"))
    until(lambda: met() == want, DEADLINE_S, "events from before the restart are known, and orphans counted on")
    world.push(100, 100, late=0.25)
    want = LabelsMet(2 * 200 + 9, 5, (f"{topic}/0/103", f"{topic}/1/104"))
    until(lambda: met() == want, DEADLINE_S, "one that was counted before the restart has found its event")
