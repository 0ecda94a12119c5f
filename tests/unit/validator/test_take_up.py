"""A validator takes up new and changed models and forgets nothing that it knows of the others, nor of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.unit.validator.conftest import DAY_MS, Desk, by_topic, reasons
from tidemill.codec import Codec
from tidemill.contracts.model_file import ExpectationSpec, ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.partitions.room import Room
from tidemill_validator.checks.stream_validator import StreamValidator, outputs_of
from tidemill_validator.worker import ValidatorWorker, build_validators

ContractParts = tuple[ModelSpec, TopicCatalog, SchemaCatalog, Codec]
NEAR = ExpectationSpec("expect_column_values_to_be_between", {"column": "distance", "max_value": 1_000})


class World:
    """A worker of the desk's validators. `restored`: what was read back from clean, by model and partitions."""

    def __init__(self, desk: Desk, room: Room | None = None) -> None:
        self.restored: list[tuple[str, str, list[int]]] = []
        self.worker = ValidatorWorker([desk.events, desk.labels], self._restore, room=room)
        self.held = [(topic, number) for topic in self.worker.topics for number in range(4)]

    def _restore(self, validator: StreamValidator, partitions: Sequence[int]) -> None:
        self.restored.append((validator.stream.model, validator.stream.role, list(partitions)))
        for partition in partitions:
            validator.take(partition)

    def take_up(self, contract: ContractParts, spec: ModelSpec) -> None:
        _, topics, schemas, codec = contract
        validators = build_validators([spec], topics, schemas, codec, max_ahead_ms=DAY_MS, max_seen_ids=10_000)
        self.worker.take_up(validators, self.held)


def test_a_changed_expectation_holds_from_then_on_and_ids_from_before_are_still_known(
    desk: Desk, contract: ContractParts
) -> None:
    world = World(desk)
    assert desk.ids(world.worker.process([desk.batch([desk.event("a"), desk.event("b")])])) == ["a", "b"]
    world.take_up(contract, replace(contract[0], expectations=(*contract[0].expectations, NEAR)))
    found = world.worker.process(
        [desk.batch([desk.event("a"), desk.event("c", distance=10.0), desk.event("d")], offset=2)]
    )
    assert desk.ids(found) == ["c"]
    dead = [name for name, _ in reasons(by_topic(found, desk.events.stream.dead))]
    assert "expect_column_values_to_be_between" in dead
    assert world.restored == []


def test_other_rules_against_repeats_have_what_went_to_clean_read_back(desk: Desk, contract: ContractParts) -> None:
    world = World(desk)
    world.take_up(
        contract, replace(contract[0], expectations=())
    )  # an event id that comes again is set aside all the same
    assert ("flight-delay", "raw", [0, 1, 2, 3]) in world.restored


def test_a_new_model_gets_topics_and_room_of_its_own_and_the_first_goes_on(
    desk: Desk, contract: ContractParts, root: object
) -> None:
    streams = [desk.events.stream, desk.labels.stream]
    room = Room(outputs_of(streams), lambda names: dict.fromkeys(names, 4), lambda topic: None)
    world = World(desk, room)
    model, topics, _, codec = contract
    other = replace(model, name="other")
    both = SchemaCatalog.load(root / "schemas", {"flight-delay": model, "other": other})  # type: ignore[operator]
    validators = build_validators([other], topics, both, codec, max_ahead_ms=DAY_MS, max_seen_ids=10_000)
    before = world.worker.topics
    world.worker.take_up(validators, world.held)
    assert world.worker.topics == [*before, "p-other-raw", "p-other-labels-raw"]
    assert world.restored == []
    world.worker.assigned([("p-other-raw", 0)])
    assert world.restored == [("other", "raw", [0])]
    assert desk.ids(world.worker.process([desk.batch([desk.event("a")])])) == ["a"]
    there = desk.batch([desk.event("a")], topic="p-other-raw")
    assert [output.topic for output in world.worker.process([there])][:1] == ["p-other-clean"]
