"""A topic that waits for a registry waits by itself, ever longer, and goes on by itself."""

from __future__ import annotations

from tests.unit.validator.conftest import DAY_MS, Desk
from tidemill.codec import Codec
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import HoldTopics, RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.partitions.room import Room
from tidemill_validator.topic_waits import LONGEST_S, Waiting
from tidemill_validator.worker import ValidatorWorker, build_validators


def test_a_topic_is_asked_again_ever_more_rarely_until_it_works() -> None:
    now = 0.0
    waiting = Waiting(lambda: now)
    spans = []
    for _ in range(8):
        waiting.add("a", RetryLater(delay_s=1))
        began = now
        while not waiting.due():
            now += 0.5
        spans.append(now - began)
    assert spans == [1, 2, 4, 8, 16, LONGEST_S, LONGEST_S, LONGEST_S]

    waiting.over("a")
    assert waiting.reason() is None
    waiting.add("a", RetryLater("a's registry is away", delay_s=1))
    waiting.add("b", RetryLater("b's registry is away", delay_s=5))
    assert waiting.reason() == (
        "a waits, the others go on: a's registry is away; b waits, the others go on: b's registry is away"
    )
    waiting.gone("b")
    assert waiting.reason() == "a waits, the others go on: a's registry is away"
    assert waiting.topics == {"a", "b"}
    now += 1
    assert waiting.due()
    assert waiting.topics == {"b"}


def test_only_the_topic_whose_registry_is_away_is_held_and_it_is_let_go_again(
    desk: Desk, contract: tuple[ModelSpec, TopicCatalog, SchemaCatalog, Codec]
) -> None:
    away = True

    class Source:
        def decode(self, batch: Batch) -> None:
            if away:
                raise RetryLater("the registry is away", delay_s=0)

    model, topics, schemas, codec = contract
    _, waiting = build_validators(
        [model], topics, schemas, codec, max_ahead_ms=DAY_MS, max_seen_ids=10_000,
        open_source=lambda spec, role: Source() if role == "labels_raw" else None,  # type: ignore[arg-type,return-value]
    )  # fmt: skip
    held: list[set[str]] = []
    worker = ValidatorWorker(
        [desk.events, waiting], lambda validator, partitions: None, hold=lambda t: held.append(set(t))
    )
    labels = desk.batch([desk.label("a")])
    labels = Batch(
        desk.labels.stream.topic, labels.partitions, labels.offsets, labels.timestamps_ms, labels.keys, labels.values,
        labels.headers,
    )  # fmt: skip
    events = desk.batch([desk.event("a")])
    events = Batch(
        desk.events.stream.topic, events.partitions, events.offsets, events.timestamps_ms, events.keys, events.values,
        events.headers,
    )  # fmt: skip
    worker.assigned([(desk.events.stream.topic, 0)])
    for _ in range(2):
        try:
            worker.process([events, labels])
        except HoldTopics as error:
            assert error.topics == {desk.labels.stream.topic}
        else:
            raise AssertionError("the labels should have been held")
        worker.before_batch()
        assert held[-1] <= {desk.labels.stream.topic}
    assert worker.process([events])

    away = False
    worker.before_batch()
    assert held[-1] == set()


def test_a_topic_goes_on_when_the_partition_without_room_has_gone_to_another_process(desk: Desk) -> None:
    held: list[set[str]] = []
    topic = desk.events.stream.topic
    room = Room({topic: ["narrow"]}, lambda names: {"narrow": 1}, lambda name: "nobody may add partitions to it")
    worker = ValidatorWorker(
        [desk.events], lambda validator, partitions: None, hold=lambda t: held.append(set(t)), room=room
    )
    worker.assigned([(topic, 0), (topic, 1)])
    assert held[-1] == {topic}
    worker.revoked([(topic, 1)])
    assert held[-1] == set()
