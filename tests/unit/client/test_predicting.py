"""Predictions through the client: rows and tables in, typed answers out, and what is wrong told with its place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.unit.client.served import MODEL, World
from tests.unit.inference.fakes import NOW_MS, event
from tests.unit.inference.rest_app import steady
from tidemill.client import (
    AccessRefused,
    AsyncClient,
    Client,
    InvalidRows,
    NoVersion,
    UnknownModel,
    WaitedTooLong,
)
from tidemill_inference.serving.serving import Predictor, Serving

AT = datetime(2013, 1, 31, 17, 5, tzinfo=UTC)
ROW = {"carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1_400}


def test_one_row_gives_one_prediction_with_what_made_it(client: Client) -> None:
    found = client.predict(MODEL, {**ROW, "event_id": "e1", "distance": Decimal(1_400), "scheduled_at": AT})
    assert (found.event_id, found.model, found.version, found.epoch) == ("e1", MODEL, 1, 1)
    assert (found.probability, found.label, found.value, found.probabilities) == (0.25, False, None, None)
    assert client.predict(MODEL, ROW).event_id != found.event_id


def test_many_rows_give_as_many_predictions_in_their_order_over_several_requests(client: Client) -> None:
    rows = ({**ROW, "event_id": f"e{number}"} for number in range(1_201))
    assert [p.event_id for p in client.predict_many(MODEL, rows)] == [f"e{number}" for number in range(1_201)]
    assert client.predict_many(MODEL, []) == []


@pytest.mark.parametrize(
    ("fields", "field", "says", "rule"),
    [
        ({"distance": "far"}, "distance", "is not a number", "schema"),
        ({"distnace": 1}, "distnace", "did you mean distance", "schema"),
        ({"scheduled_at": datetime(2013, 1, 31)}, "scheduled_at", "has no offset", "schema"),
        ({"distance": -3}, "distance", "-3", "expect_column_values_to_be_between"),
        ({"dest": None}, "dest", "is missing", "expect_column_values_to_not_be_null"),
    ],
)
def test_a_row_that_is_wrong_is_refused_by_the_record_and_by_the_models_expectations(
    client: Client, fields: dict[str, Any], field: str, says: str, rule: str
) -> None:
    rows = [ROW] * 501 + [{**ROW, **fields}]
    with pytest.raises(InvalidRows) as raised:
        client.predict_many(MODEL, rows)
    error = raised.value.errors[0]
    assert (error.index, error.field, error.rule) == (501, field, rule)
    assert says in error.reason and f"row 501: {field}" in str(raised.value)


def tables() -> Iterator[Any]:
    columns = {"carrier": ["UA", "AA"], "dest": ["IAH", "MIA"], "distance": [1_400.0, None], "event_id": ["a", "b"]}
    columns["distance"] = [1_400.0, 1_089.0]
    yield pytest.param(pd.DataFrame(columns, index=pd.Index([7, 9], name="place")), id="pandas")
    yield pytest.param(pl.DataFrame(columns), id="polars")
    yield pytest.param(pa.table(columns), id="pyarrow")


@pytest.mark.parametrize("table", tables())
def test_a_table_gives_a_table_of_its_own_kind(client: Client, table: Any) -> None:
    found = client.predict_table(MODEL, table)
    assert type(found) is type(table)
    rows = (found if isinstance(found, pa.Table) else pa.table(found)).select(
        ["event_id", "version", "probability", "label"]
    )
    assert rows.to_pylist() == [
        {"event_id": name, "version": 1, "probability": 0.25, "label": False} for name in ("a", "b")
    ]
    if isinstance(found, pd.DataFrame):
        assert found.index.equals(table.index)


def test_a_large_table_is_asked_for_in_parts_and_comes_back_whole(client: Client) -> None:
    ids = [f"e{number}" for number in range(20_500)]
    same = {name: [value] * len(ids) for name, value in ROW.items()}
    table = pa.table({"event_id": ids, **same})
    assert client.predict_table(MODEL, table)["event_id"].to_pylist() == ids


@pytest.mark.parametrize(
    ("column", "field", "index", "says"),
    [
        (["x", "1"], "distance", 0, "is not a number"),
        ([1.0, float("inf")], "distance", 1, "finite"),
        ([1, 2**53 + 1], "distance", 1, "exactly"),
    ],
)
def test_a_value_of_a_table_that_does_not_fit_is_named_by_row_and_column(
    client: Client, column: list[Any], field: str, index: int, says: str
) -> None:
    with pytest.raises(InvalidRows) as raised:
        client.predict_table(MODEL, pa.table({"carrier": ["UA", "AA"], "dest": ["IAH", "MIA"], field: column}))
    error = next(error for error in raised.value.errors if error.index == index)
    assert error.field == field and says in error.reason


def test_a_column_that_is_not_of_the_record_and_a_table_without_rows_are_refused(client: Client) -> None:
    with pytest.raises(InvalidRows, match="distnace: is not a field of the record; did you mean distance"):
        client.predict_table(MODEL, pa.table({"distnace": [1.0]}))
    with pytest.raises(InvalidRows, match="no rows"):
        client.predict_table(MODEL, pa.table({"distance": pa.array([], pa.float64())}))


def test_without_a_key_or_with_a_wrong_one_it_is_said_how_to_have_one(platform: World) -> None:
    for key in (None, "tm_3f2a9c01d4e7_wrong"):
        with platform.client(key=key) as other, pytest.raises(AccessRefused, match="tidemill keys create"):
            other.predict(MODEL, ROW)
    assert "wrong" not in repr(other)


def test_what_serves_is_told_and_an_unknown_model_by_the_names_that_there_are(client: Client) -> None:
    (found,) = client.models()
    assert (found.name, found.task, found.version) == (MODEL, "binary", 1)
    assert client.model(MODEL).serving_since is not None
    with pytest.raises(UnknownModel, match=MODEL):
        client.predict("flights", ROW)


@pytest.fixture
def growing(platform: World) -> Iterator[Predictor]:
    """A predictor in the endpoint's place that has no version yet."""
    endpoint, before = platform.endpoint, platform.endpoint.predictor
    endpoint.predictor = Predictor(MODEL)
    yield endpoint.predictor
    endpoint.predictor = before


def test_a_version_is_waited_for_until_it_serves(client: Client, platform: World, growing: Predictor) -> None:
    with pytest.raises(NoVersion, match="wait_for_version"):
        client.predict(MODEL, ROW)
    with pytest.raises(WaitedTooLong, match="none serves yet: `tidemill status`"):
        client.wait_for_version(MODEL, timeout=0.05, every=0.02)

    def release(version: int) -> None:
        model = steady(platform.endpoint.spec, version)
        growing.switch(Serving(event(version), model, NOW_MS), NOW_MS, live=True)

    release(1)
    later = threading.Timer(0.2, release, [3])
    later.start()
    found = client.wait_for_version(MODEL, at_least=2, timeout=20, every=0.02)
    later.join()
    assert (found.version, found.epoch) == (3, 3)


def test_the_asynchronous_client_does_the_same(platform: World) -> None:
    async def all_of_it() -> tuple[Any, ...]:
        async with AsyncClient(**{**platform.addresses, "retry_s": 0.0}) as client:
            rows = [{"event_id": f"e{number}", "scheduled_at": AT, "tail_number": "N1"} for number in range(3)]
            pushed = await client.push_events(MODEL, rows)
            labels = await client.push_labels(
                MODEL, {"event_id": "e1", "label": True, "event_time": AT, "entity": "N1"}
            )
            together = await asyncio.gather(*(client.predict(MODEL, ROW) for _ in range(20)))
            many = await client.predict_many(MODEL, pl.DataFrame([ROW, ROW]))
            table = await client.predict_table(MODEL, pd.DataFrame([ROW]))
            model = await client.wait_for_version(MODEL)
            (all_models,) = await client.models()
            assert all_models == await client.model(MODEL) == model
            with pytest.raises(InvalidRows, match="distance"):
                await client.predict(MODEL, {"distance": "far"})
            return pushed.accepted, labels.accepted, len({p.prediction_id for p in together}), len(many), len(table)

    assert asyncio.run(all_of_it()) == (3, 1, 20, 2, 1)
    assert len(platform.ingest.sink.published) == 4
