"""A record that judging fails on is a dead letter after its tries; the others are judged as if it were not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.validator.conftest import Desk
from tidemill.errors import RetryLater
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill.kafka.poison.raising import TRIES, Careful
from tidemill_validator.checks.row_checks import Judge, Judgement
from tidemill_validator.worker import ValidatorWorker, build_validators


def defective(poison: bytes) -> Callable[..., Judgement]:
    """How judges judge, with a defect that one record brings to light."""
    sound = Judge.judge

    def judge(this: Judge, values: list[bytes | None], *more: Any) -> Judgement:
        if poison in values:
            raise IndexError("N1 is in this text")
        return sound(this, values, *more)

    return judge


def test_a_record_that_ends_processes_is_a_dead_letter_without_a_look_at_it(desk: Desk) -> None:
    worker = ValidatorWorker(
        [desk.events, desk.events], lambda validator, numbers: None
    )  # as of two models of one topic
    outputs = worker.unread(desk.batch([b"whatever"]), "4 processes have ended")
    letters = [(o.topic, list(o.values), parse_dead_letter((o.headers or [None])[0])) for o in outputs]
    assert [(topic, values) for topic, values, _ in letters] == [(desk.events.stream.dead, [b"whatever"])] * 2
    letter = letters[0][2]
    assert letter is not None and letter[0] == desk.events.stream.topic and letter[3] == "ProcessingFailed"
    assert "4 processes have ended" in letter[4]


def test_one_record_that_judging_fails_on_is_set_aside_and_the_others_are_judged_as_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ["a", "b", "poison", "c", "a", "d"]  # the second "a" repeats the first
    values = [desk.event(event_id) for event_id in ids]
    monkeypatch.setattr(Judge, "judge", defective(values[2]))
    worker = ValidatorWorker([desk.events], lambda validator, numbers: None)
    careful = Careful(worker.process, worker.set_aside)
    batch: Batch = desk.batch(values)
    for _ in range(TRIES - 1):
        with pytest.raises(RetryLater):
            careful([batch])
    outputs = careful([batch])

    def to(topic: str) -> list[Output]:
        return [output for output in outputs if output.topic == topic]

    clean = [value for output in to(desk.events.stream.clean) for value in output.values]
    letters = [parse_dead_letter(h) for output in to(desk.events.stream.dead) for h in output.headers or ()]
    assert clean == [values[0], values[1], values[3], values[5]]
    found = {(letter[2], letter[3]) for letter in letters if letter is not None}
    assert found == {(2, "ProcessingFailed"), (4, "expect_column_values_to_be_unique")}
    (told,) = [letter[4] for letter in letters if letter is not None and letter[2] == 2]
    assert "IndexError at tests.unit.validator.test_poison" in told and "N1" not in told


def test_a_model_whose_validator_cannot_be_built_is_left_out_and_the_others_are_validated(
    contract: tuple[Any, Any, Any, Any],
) -> None:
    model, topics, schemas, codec = contract
    broken = replace(model, name="broken", entity="what no record has")
    built = build_validators([broken, model], topics, schemas, codec, max_ahead_ms=1, max_seen_ids=1_000)
    assert {validator.stream.model for validator in built} == {model.name}
