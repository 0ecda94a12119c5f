"""Rows through the client to ingest: what is stored, what is refused and why, and what is sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.unit.client.served import MODEL, World, asking, contract, drive
from tests.unit.ingest.conftest import Failure, Ingest, ingest_of
from tidemill.client import (
    Client,
    ClientError,
    InvalidRows,
    NotReachable,
    NotStored,
    Refused,
    RowsRefused,
    UnknownModel,
)
from tidemill.client.exchange import Answer, NoAnswer, Request
from tidemill.client.flows import forms as forms_module
from tidemill.client.flows.forms import Forms
from tidemill.client.flows.pushing import Push, push
from tidemill_ingest.adapters.answers_kept import LocalAnswers

AT = datetime(2013, 1, 31, 17, 5, tzinfo=UTC)
AT_MS = 1_359_651_900_000


def event(event_id: str | None = "a", **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id, "scheduled_at": AT, "tail_number": "N1", **fields}


def test_values_of_python_and_numpy_are_stored_exactly(client: Client, platform: World) -> None:
    new_york = timezone(timedelta(hours=-5))
    rows = [
        event("a", distance=Decimal("719.5"), flight=np.int32(7), scheduled_at=AT.astimezone(new_york)),
        event("b", distance=np.float64(0.1), flight=np.int64(2**31 - 1), scheduled_at=pd.Timestamp(AT)),
        event("c", distance=float("nan"), flight=pd.NA, late=np.bool_(True), tail_number=1_234),
    ]
    pushed = client.push_events(MODEL, rows)
    assert (pushed.accepted, pushed.event_ids, pushed.refused) == (3, ("a", "b", "c"), ())
    stored = platform.ingest.events()
    assert [(row["distance"], row["flight"], row["scheduled_at"]) for row in stored] == [
        (719.5, 7, AT_MS),
        (0.1, 2**31 - 1, AT_MS),
        (None, None, AT_MS),
    ]
    assert (stored[2]["late"], stored[2]["tail_number"]) == (True, "1234")


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"distance": "719"}, "distance", "'719' is not a number"),
        ({"flight": 2**31}, "flight", "out of range"),
        ({"flight": 1.5}, "flight", "not a whole number of 32 bits"),
        ({"scheduled_at": datetime(2013, 1, 31)}, "scheduled_at", "has no offset: add Z"),
        ({"scheduled_at": date(2013, 1, 31)}, "scheduled_at", "has no offset"),
        ({"scheduled_at": np.datetime64("2013-01-31")}, "scheduled_at", "give a datetime with one"),
        ({"scheduled_at": 1_359_651_900}, "scheduled_at", "looks like seconds"),
        ({"late": 1}, "late", "1 is not true or false"),
        ({"distnace": 1.0}, "distnace", "did you mean distance"),
        ({"carrier": Decimal("1.50")}, "carrier", "is not a string"),
        ({"event_id": None}, "event_id", "make_ids=True makes one"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_place_and_the_cure_and_all_others_are_stored(
    client: Client, platform: World, fields: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(RowsRefused) as raised:
        client.push_events(MODEL, [event("a"), event("b") | fields, event("c")])
    pushed = raised.value.pushed
    assert pushed.event_ids == ("a", "c") == tuple(row["event_id"] for row in platform.ingest.events())
    (error,) = pushed.refused
    assert (error.index, error.field) == (1, field)
    assert says in error.reason
    assert f"row 1: {field}: " in str(raised.value)
    assert client.push_events(MODEL, [event("b") | fields], refused="report").refused[0].reason == error.reason


def test_every_wrong_field_of_a_row_is_told_and_what_is_no_row_too(client: Client) -> None:
    rows: list[Any] = [event("a", distance="x", late=1), "not a row"]
    pushed = client.push_events(MODEL, rows, refused="report")
    assert [(error.index, error.field) for error in pushed.refused] == [(0, "distance"), (0, "late"), (1, "")]
    assert "give a mapping" in pushed.refused[2].reason


def frames() -> Iterator[Any]:
    columns = {
        "event_id": ["a", "b"], "scheduled_at": [AT, AT + timedelta(microseconds=1)], "tail_number": ["N1", None],
        "distance": [719.0, None], "flight": [1, 2],
    }  # fmt: skip
    table = pa.table(columns | {"flight": pa.array([1, 2], pa.int16()), "distance": pa.array([719.0, float("nan")])})
    yield pytest.param(pd.DataFrame(columns, index=[7, 9]), id="pandas")
    yield pytest.param(pl.DataFrame(columns), id="polars")
    yield pytest.param(table, id="pyarrow")
    yield pytest.param(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), id="reader")
    yield pytest.param(
        pl.DataFrame(columns).with_columns(pl.col("tail_number").cast(pl.Categorical)).lazy().collect(), id="categories"
    )
    yield pytest.param(
        table.set_column(1, "scheduled_at", table["scheduled_at"].cast(pa.timestamp("ns", "Asia/Tokyo"))),
        id="nanoseconds",
    )


@pytest.mark.parametrize("frame", frames())
def test_tables_of_every_kind_become_the_same_records(client: Client, platform: World, frame: Any) -> None:
    assert client.push_events(MODEL, frame).event_ids == ("a", "b")
    rows = platform.ingest.events()
    known = [(r["event_id"], r["scheduled_at"], r["tail_number"], r["distance"], r["flight"]) for r in rows]
    assert known == [("a", AT_MS, "N1", 719.0, 1), ("b", AT_MS, None, None, 2)]


def test_a_table_whose_column_has_two_types_is_refused(client: Client, platform: World) -> None:
    with pytest.raises(InvalidRows, match="give each column one type"):
        client.push_events(MODEL, pd.DataFrame({"event_id": ["a", 1]}))
    assert not platform.ingest.sink.published


def test_labels_are_taken_under_either_name_and_keyed_by_their_entity(client: Client, platform: World) -> None:
    own = {"event_id": "a", "late": True, "scheduled_at": AT, "tail_number": "N1", "observed_at": AT}
    plain = {"event_id": "b", "label": False, "event_time": AT, "entity": None}
    assert client.push_labels(MODEL, [own, plain]).accepted == 2
    assert [p.record.key for p in platform.ingest.sink.published] == [b"N1", b"b"]
    assert [row["label"] for row in platform.ingest.labels()] == [True, False]
    with pytest.raises(RowsRefused, match="entity of its event"):
        client.push_labels(MODEL, [{name: value for name, value in own.items() if name != "tail_number"}])


def test_ids_are_made_where_that_is_said(client: Client, platform: World) -> None:
    rows = [event(None), {"scheduled_at": AT}, event("mine")]
    ids = client.push_events(MODEL, rows, make_ids=True).event_ids
    assert len(set(ids)) == 3 and ids[2] == "mine"
    assert [row["event_id"] for row in platform.ingest.events()] == list(ids)


def test_more_rows_than_one_request_takes_go_in_several(client: Client, platform: World) -> None:
    rows = (event(f"e{number}") for number in range(250))  # ingest takes 100 at once here
    assert client.push_events(MODEL, rows).event_ids == tuple(f"e{number}" for number in range(250))
    assert len(platform.ingest.sink.published) == 250
    alone = client.push_events(MODEL, [event("x", dest="y" * 60_000), event("z")], refused="report")
    assert alone.event_ids == ("z",) and "too_large" in alone.refused[0].reason


def test_what_nobody_answers_is_said_with_the_address_and_a_model_that_is_not_there_by_its_name(
    client: Client, platform: World
) -> None:
    with platform.client(ingest="http://127.0.0.1:9") as other, pytest.raises(NotReachable, match=r"127\.0\.0\.1:9"):
        other.push_events(MODEL, [event()])
    with pytest.raises(UnknownModel, match="known are flight-delay"):
        client.push_events("flights", [event()])
    with pytest.raises(ClientError, match="is no address: write http"):
        Client(ingest="localhost:8081")


@pytest.fixture
def alone(root: Path) -> Iterator[Ingest]:
    ingest = ingest_of(*contract(root), LocalAnswers(60))
    yield ingest
    ingest.service.close()


def pushing(rows: list[dict[str, Any]], retry_s: float = 60.0) -> Any:
    return push(Push(MODEL, "events", retry_s=retry_s), rows, Forms())


def test_a_batch_whose_answer_was_lost_is_sent_again_as_it_was_and_stored_once_each(alone: Ingest) -> None:
    send, keys = asking(alone), []

    def losing(request: Request) -> Answer | NoAnswer:
        answer = send(request)
        if request.method == "POST":
            keys.append((request.headers["idempotency-key"], request.body))
        return NoAnswer("the connection broke", sent=True) if len(keys) == 1 else answer

    pushed, pauses = drive(pushing([event("a"), event("b")]), losing)
    assert pushed.event_ids == ("a", "b")
    assert keys[0] == keys[1] and len(keys) == 2
    assert len(pauses) == 1
    assert [row["event_id"] for row in alone.events()] == ["a", "b"]


def test_rows_that_kafka_did_not_take_are_sent_again_alone_with_their_ids_when_ingest_says(alone: Ingest) -> None:
    alone.sink.failures[1] = Failure("timed out", None)
    send, sent = asking(alone), []

    def recovering(request: Request) -> Answer | NoAnswer:
        answer = send(request)
        if request.method == "POST":
            sent.append(request)
            alone.sink.failures.clear()
        return answer

    pushed, pauses = drive(pushing([event("a"), event("b"), event("c")]), recovering)
    assert pushed.event_ids == ("a", "c", "b") and not pushed.refused
    assert [row["event_id"] for row in alone.events()] == ["a", "c", "b"]
    assert sent[1].body.count(b"\n") == 0 and sent[0].headers["idempotency-key"] != sent[1].headers["idempotency-key"]
    assert pauses[0] >= 7.0  # Retry-After


def test_rows_that_stay_unstored_are_named_with_their_ids(alone: Ingest) -> None:
    alone.sink.failures[1] = Failure("timed out", None)
    with pytest.raises(NotStored, match="nothing counts twice") as raised:
        drive(pushing([event("a"), event("b"), event("c")], retry_s=1.0), asking(alone))
    assert (raised.value.rows, raised.value.event_ids, raised.value.next_row) == ((1,), ("b",), 3)
    assert raised.value.pushed.event_ids == ("a", "c")


def test_where_nobody_answers_any_more_it_is_said_from_which_row_on_nothing_was_sent(alone: Ingest) -> None:
    send, sent = asking(alone), []

    def ending(request: Request) -> Answer | NoAnswer:
        sent.append(request)
        return send(request) if len(sent) < 12 else NoAnswer("refused", sent=False)

    rows = [event(f"e{number}", dest="x" * 15_000) for number in range(200)]  # ingest takes three of them at once here
    with pytest.raises(NotStored, match="refused") as raised:
        drive(pushing(rows, retry_s=0.0), ending)
    assert 0 < raised.value.pushed.accepted == raised.value.rows[0]
    assert raised.value.next_row == raised.value.rows[-1] + 1 < 200


def test_a_record_that_changed_is_asked_for_before_a_row_is_refused(
    alone: Ingest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms_module, "OLD_AFTER_S", 0.0)
    send, told = asking(alone), []

    def changing(request: Request) -> Answer | NoAnswer:
        answer = send(request)
        if request.method == "GET":
            told.append(answer)
        if len(told) == 1 and request.method == "GET":  # the record as it was, without the last fields
            body = answer.json()
            del body["events"]["schema"]["fields"][8:]
            return Answer(200, {}, json.dumps(body).encode())
        return answer

    pushed, _ = drive(pushing([event("a", visibility=3.0)]), changing)
    assert (pushed.event_ids, len(told)) == (("a",), 2)
    assert alone.events()[0]["visibility"] == 3.0


def test_events_of_someone_elses_topic_are_not_pushed(alone: Ingest) -> None:
    def foreign(request: Request) -> Answer:
        return Answer(200, {}, b'{"name":"flight-delay","events":null,"labels":null}')

    with pytest.raises(Refused, match="produce them there"):
        drive(pushing([event()]), foreign)
