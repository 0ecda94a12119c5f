"""Windows of a topic that was made anew have the numbers of the old one's, and are judged all the same."""

from __future__ import annotations

from tests.broker.drift.conftest import MODEL, PARTITIONS, World
from tests.support.kafka.made_anew import make_anew
from tests.support.polling import until
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.topics import ensure_topics

DEADLINE_S = 120


def judged(world: World) -> list[int]:
    """Numbers of the windows of labels that detect has judged, in the order in which it wrote them."""
    return [event["window"] for event in world.read("model_performance", "model-performance")]


def test_windows_of_labels_that_were_made_anew_are_judged_though_their_numbers_come_again(world: World) -> None:
    world.publish_version(1)
    for part in ("profile", "detect"):
        world.start(part)
    world.push(0, 500, late=0.25)
    until(lambda: judged(world) == [0, 1], DEADLINE_S, "the old topic is judged")

    client, labels = admin(world.settings), world.topics.name("labels", MODEL)
    make_anew(world.settings, labels, lambda: ensure_topics(client, world.topics, [MODEL], PARTITIONS))
    until(lambda: world.said("deleted and made anew: begun at its first offset, 0"), DEADLINE_S, "it is recognised")
    world.push(500, 500, late=0.25)
    until(lambda: judged(world) == [0, 1, 2, 3], DEADLINE_S, lambda: f"the new topic is judged, not {judged(world)}")
    found = [(p["window"], p["topic_id"]) for p in world.profiles() if p["kind"] == "quality" and p["partition"] == 0]
    assert [window for window, _ in found] == [0, 1, 0, 1]
    assert [topic_id is None for _, topic_id in found] == [True, True, False, False]
