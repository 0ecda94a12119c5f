"""Single records that a worker's logic fails on are found, tried again and set aside; everything else goes on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.poison.raising import MOST_AT_ONCE, TRIES, Careful


def batch(topic: str, values: list[bytes]) -> Batch:
    numbers = list(range(len(values)))
    return Batch(topic, [0] * len(values), numbers, numbers, [None] * len(values), list(values), [None] * len(values))


def process(batches: list[Batch]) -> list[Output]:
    for part in batches:
        for value in part.values:
            if value == b"bad":
                raise ValueError("personal")
            if value == b"huge":
                raise MemoryError
            if value == b"away":
                raise RetryLater("a store is away")
    return [Output("out", list(part.values)) for part in batches]


def set_aside(one: Batch, why: str) -> list[Output]:
    assert "Error at tests" in why and "personal" not in why
    return [Output("dead", list(one.values))]


def written(outputs: list[Output], topic: str) -> list[bytes | None]:
    return [value for output in outputs if output.topic == topic for value in output.values]


def after_its_tries(careful: Careful, batches: list[Batch]) -> list[Output]:
    for _ in range(TRIES - 1):
        with pytest.raises(RetryLater, match=r"t/0/.* fails"):
            careful(batches)
    return careful(batches)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40), st.sets(st.integers(0, 40), min_size=1, max_size=5))
def test_what_fails_is_set_aside_and_the_rest_is_written_once_in_order(good: list[bytes], places: set[int]) -> None:
    values = list(good)
    for place in sorted(places):
        values.insert(place, b"bad")
    outputs = after_its_tries(Careful(process, set_aside), [batch("t", values)])
    assert written(outputs, "out") == good
    assert written(outputs, "dead") == [b"bad"] * len(places)


@pytest.mark.parametrize("cause", [b"bad", b"huge"])
def test_other_topics_of_the_batch_go_on(cause: bytes) -> None:
    outputs = after_its_tries(Careful(process, set_aside), [batch("t", [b"1", cause, b"2"]), batch("u", [b"3"])])
    assert written(outputs, "out") == [b"1", b"2", b"3"]
    assert written(outputs, "dead") == [cause]


def test_a_record_that_fails_once_is_not_set_aside() -> None:
    failures = iter([True] * 3)

    def passing(batches: list[Batch]) -> list[Output]:
        if any(value == b"shy" for part in batches for value in part.values) and next(failures, False):
            raise OSError("a moment")
        return [Output("out", list(part.values)) for part in batches]

    careful = Careful(passing, set_aside)
    batches = [batch("t", [b"1", b"shy"])]
    with pytest.raises(RetryLater) as caught:
        careful(batches)
    assert "a moment" not in str(caught.value)
    assert written(careful(batches), "out") == [b"1", b"shy"]


def test_where_many_fail_it_is_not_the_records_and_nothing_is_set_aside() -> None:
    careful = Careful(process, set_aside)
    for _ in range(TRIES + 1):
        with pytest.raises(ValueError, match="personal"):
            careful([batch("t", [b"bad"] * (MOST_AT_ONCE + 1))])


def test_what_is_raised_on_purpose_is_passed_on() -> None:
    careful = Careful(process, set_aside)
    with pytest.raises(RetryLater, match="a store is away"):
        careful([batch("t", [b"1", b"away"])])
    with pytest.raises(RetryLater, match="a store is away"):
        careful([batch("t", [b"bad", b"1", b"away"])])

    def refusing(batches: list[Batch]) -> list[Output]:
        raise DeadLetter("no")

    with pytest.raises(DeadLetter):
        Careful(refusing, set_aside)([batch("t", [b"1"])])
