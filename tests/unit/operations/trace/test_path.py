"""The path of an event is put together from what stands on the topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tidemill.ids import uuid7_batch
from tidemill.kafka.dead_letters import dead_letter_headers, parse_dead_letter
from tidemill.kafka.headers import ORIGIN, TRACEPARENT, Headers, origin
from tidemill_operations.trace.lookup import Bounds, Record
from tidemill_operations.trace.path import Path, find_path

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CONTEXT = f"00-{TRACE}-00f067aa0ba902b7-00".encode()
PREDICTED_AT = 1_700_000_000_300
PREDICTION, OTHER = uuid7_batch(2, PREDICTED_AT)


class Topics:
    """A look-up over records in memory, which notes what was asked."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = {}
        self.searched: list[tuple[str, Bounds]] = []

    def add(
        self, role: str, offset: int, at_ms: int, datum: dict[str, Any] | None, headers: Headers | None = None
    ) -> None:
        record = Record(f"m-{role}", 2, offset, at_ms, b"N1", headers or [], datum, "" if datum else "not Avro")
        self.records.setdefault(role, []).append(record)

    def partition(self, key: str) -> int:
        return 2

    def position(self, event_id: str) -> tuple[int, int] | None:
        return (2, int(event_id.rpartition("-")[2])) if event_id.startswith("m-raw-2-") else None

    def is_there(self, source: str, partition: int) -> bool:
        return source == "m-raw"

    def dead_letter_of(self, raw: Record, since_ms: int) -> Record | None:
        wanted = (raw.topic, raw.partition, raw.offset)
        letters = self.records.get("raw_dlq", [])
        return next((r for r in letters if (parse_dead_letter(r.headers) or ())[:3] == wanted), None)

    def exists(self, role: str) -> bool:
        return True

    def containing(self, role: str, text: str, bounds: Bounds) -> Iterator[Record]:
        self.searched.append((role, bounds))
        for record in self.records.get(role, []):
            inside = record.at_ms >= bounds.since_ms and (bounds.partitions is None or 2 in bounds.partitions)
            if inside and (record.datum is None or text in str(record.datum)):
                yield record

    def at(self, role: str, partition: int, offset: int) -> Record | None:
        return next((r for r in self.records.get(role, []) if (r.partition, r.offset) == (partition, offset)), None)


def prediction(**changes: Any) -> dict[str, Any]:
    return {
        "prediction_id": PREDICTION, "event_id": "e1", "source": "stream", "version": 3, "epoch": 7,
        "arm": "champion", "predicted_at": PREDICTED_AT, "input_partition": 2,
        "input_offset": 40, "probability": 0.25,
    } | changes  # fmt: skip


@pytest.fixture
def topics() -> Topics:
    topics = Topics()
    topics.add("raw", 50, 1_700_000_000_000, {"event_id": "e1"}, [(TRACEPARENT, CONTEXT)])
    topics.add("raw", 51, 1_700_000_000_001, {"event_id": "e10"})
    came = [(TRACEPARENT, CONTEXT), (ORIGIN, origin("m-raw", 2, 50))]
    topics.add("clean", 40, 1_700_000_000_100, {"event_id": "e1"}, came)
    topics.add("predictions", 9, PREDICTED_AT, prediction())
    topics.add("labels", 5, 1_700_000_900_000, {"event_id": "e1", "label": True, "event_time": 1, "observed_at": 2})
    return topics


def find(topics: Topics, wanted: str, key: str | None = None) -> Path | None:
    return find_path(topics, "m", wanted, key, 1_600_000_000_000, "event_id")  # type: ignore[arg-type]


def test_a_prediction_tells_who_asked_for_it_where_somebody_did(topics: Topics) -> None:
    asked = prediction(source="rest", caller="key:3f2a9c01d4e7", input_partition=None, input_offset=None)
    topics.records["predictions"].clear()
    for offset, datum in ((9, asked), (10, prediction(caller=None))):
        topics.add("predictions", offset, PREDICTED_AT + offset, datum)
    path = find(topics, "e1")
    assert path is not None
    facts = [step.facts for step in path.steps if step.stage == "prediction"]
    assert [fact.get("caller") for fact in facts] == ["key:3f2a9c01d4e7", None]


def test_the_stations_stand_in_the_order_of_their_times_with_their_places(topics: Topics) -> None:
    path = find(topics, "e1")
    assert path is not None
    assert [(step.stage, step.place) for step in path.steps] == [
        ("raw", "m-raw/2/50"),
        ("clean", "m-clean/2/40"),
        ("prediction", "m-predictions/2/9"),
        ("label", "m-labels/2/5"),
    ]
    assert path.steps[1].facts["origin"] == "m-raw/2/50"
    assert path.epochs == {7: 3}
    assert path.traces == {TRACE}


def test_what_stands_at_a_place_of_a_topic_that_was_made_anew_is_not_taken_for_what_stood_there(
    topics: Topics,
) -> None:
    topics.add("clean", 41, 1_700_000_000_200, {"event_id": "other"}, [(ORIGIN, origin("m-raw@gone", 2, 51))])
    path = find(topics, "other")
    assert path is not None and [step.stage for step in path.steps] == ["clean"]
    elsewhere = prediction(prediction_id=OTHER, event_id="e9", input_offset=41)
    topics.add("predictions", 10, PREDICTED_AT, elsewhere)
    path = find(topics, OTHER)
    assert path is not None and [step.stage for step in path.steps] == ["prediction"]


def test_an_id_that_begins_with_another_is_not_taken_for_it(topics: Topics) -> None:
    path = find(topics, "e1")
    assert path is not None
    assert "m-raw/2/51" not in {step.place for step in path.steps}


def test_what_is_not_there_has_no_path(topics: Topics) -> None:
    assert find(topics, "e999") is None


def test_with_a_key_one_partition_is_read_from_the_start(topics: Topics) -> None:
    find(topics, "e1", key="N1")
    assert all(bounds.partitions == (2,) for _, bounds in topics.searched)


def test_once_the_raw_record_is_found_only_its_partition_is_read(topics: Topics) -> None:
    find(topics, "e1")
    assert topics.searched[0][1].partitions is None
    assert all(bounds.partitions == (2,) for _, bounds in topics.searched[1:])


def test_a_prediction_id_bounds_itself_in_time_and_leads_back_by_positions(topics: Topics) -> None:
    path = find(topics, PREDICTION)
    assert path is not None
    role, bounds = topics.searched[0]
    assert role == "predictions"
    assert (bounds.since_ms, bounds.until_ms) == (PREDICTED_AT - 60_000, PREDICTED_AT + 60_000)
    assert [step.stage for step in path.steps] == ["raw", "clean", "prediction", "label"]


def test_a_dead_letter_is_told_with_its_reason(topics: Topics) -> None:
    headers = dead_letter_headers("m-raw", 2, 52, "expectation", "distance 99999 is not between 0 and 6000")
    topics.add("raw", 52, 1_700_000_000_002, {"event_id": "bad"})
    topics.add("raw_dlq", 1, 1_700_000_000_200, {"event_id": "bad"}, headers)
    path = find(topics, "bad")
    assert path is not None
    assert [step.stage for step in path.steps] == ["raw", "dead letter"]
    assert path.steps[1].facts["reason"] == "distance 99999 is not between 0 and 6000"
    assert path.steps[1].facts["origin"] == "m-raw/2/52"


def test_an_event_whose_id_is_its_position_is_found_by_it_and_so_is_its_dead_letter(topics: Topics) -> None:
    topics.add("raw", 77, 5_000, None)
    headers = dead_letter_headers("m-raw", 2, 77, "MalformedRecord", "not Avro")
    topics.add("raw_dlq", 3, 6_000, None, headers)
    found = find_path(topics, "m", "m-raw-2-77", None, 0, "event_id")  # type: ignore[arg-type]

    assert found is not None
    assert [(step.stage, step.place) for step in found.steps] == [
        ("raw", "m-raw/2/77"),
        ("dead letter", "m-raw_dlq/2/3"),
    ]
    assert "raw" not in {role for role, _ in topics.searched}, "nothing is searched for where the place is known"
