"""Spoilt events are spoilt in the way that was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill_flights.data.spoil import NOT_AVRO, Spoil, Spoiler, draw


@pytest.fixture
def schemas(root: Path) -> SchemaCatalog:
    return SchemaCatalog.load(root / "schemas", load_models(root / "models"))


def rows(count: int) -> pa.RecordBatch:
    columns = {
        "event_id": [f"e{number}" for number in range(count)],
        "scheduled_at": pa.array(range(count)).cast(pa.timestamp("ms", "UTC")),
        "carrier": ["UA"] * count,
        "origin": ["EWR"] * count,
        "distance": [500.0] * count,
    }
    return pa.RecordBatch.from_pydict(columns)


def test_the_draw_is_the_same_for_the_same_seed_and_spoils_the_share() -> None:
    fates = draw(20_000, 0.03, seed=5)
    assert np.array_equal(fates, draw(20_000, 0.03, seed=5))
    assert np.count_nonzero(fates) == pytest.approx(600, rel=0.2)
    assert set(np.unique(fates)) == {int(way) for way in Spoil}


def test_each_way_of_spoiling_is_what_it_says(schemas: SchemaCatalog) -> None:
    record, codec = schemas.record("flight-delay"), Codec(schemas)
    fates = np.array([Spoil.NO, Spoil.MISSING, Spoil.OUT_OF_RANGE, Spoil.WRONG_TYPE, Spoil.TWICE, Spoil.NOT_AVRO])
    values = Spoiler(codec, record).encode(rows(6), fates)
    decoded = codec.decode(values, record)
    assert decoded.index.tolist() == [0, 1, 2, 4]
    assert decoded.rows["carrier"].to_pylist() == ["UA", None, "UA", "UA"]
    assert decoded.rows["distance"].to_pylist()[2] > 6_000
    assert values[5] == NOT_AVRO
    assert values[3][:10] == values[0][:10], "the wrong type hides behind the right schema's name"


def test_a_batch_without_spoilt_rows_is_encoded_as_it_is(schemas: SchemaCatalog) -> None:
    record, codec = schemas.record("flight-delay"), Codec(schemas)
    values = Spoiler(codec, record).encode(rows(3), np.zeros(3, dtype=np.int8))
    assert values == codec.encode(rows(3), record)
