from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.artifact import FeatureColumn
from tidemill.rows.features import feature_inputs
from tidemill.rows.row_features import RowInputs, fits

SCHEMA = pa.schema(
    {
        "text": pa.string(), "double": pa.float64(), "float": pa.float32(), "int": pa.int32(), "long": pa.int64(),
        "flag": pa.bool_(), "at": pa.timestamp("ms", tz="UTC"),
    }
)  # fmt: skip
ZONES = [None, "UTC", "America/New_York", "Asia/Kolkata", "Africa/Monrovia", "Europe/Amsterdam"]
EARLIEST, LATEST = -2_208_988_800_000, 7_258_118_399_999


def floats32() -> st.SearchStrategy[float]:
    return st.floats(width=32)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.one_of(st.none(), st.text(max_size=5)),
            "double": st.one_of(st.none(), st.floats(), st.sampled_from([1e39, -1e39, 3.4028235e38, 5e-324])),
            "float": st.one_of(st.none(), floats32()),
            "int": st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
            "long": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            "flag": st.one_of(st.none(), st.booleans()),
            "at": st.one_of(st.none(), st.integers(EARLIEST, LATEST)),
        }
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(ROWS, st.sampled_from(ZONES))
def test_rows_and_columns_give_the_same_bits(rows: list[dict[str, Any]], zone: str | None) -> None:
    features = [
        FeatureColumn("text", "category"),
        *(FeatureColumn(name, "number") for name in ("double", "float", "int", "long", "flag")),
        FeatureColumn("at", "time", ("hour", "weekday", "month"), zone),
    ]
    assert fits(SCHEMA, features)
    ours = RowInputs(features)(rows)
    theirs = feature_inputs(pa.RecordBatch.from_pylist(rows, schema=SCHEMA), features)
    assert list(ours) == list(theirs)
    for name, wanted in theirs.items():
        found = ours[name]
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), name
        if wanted.dtype == object:
            assert found.tolist() == wanted.tolist()
        else:
            assert np.array_equal(found, wanted, equal_nan=True), name


@pytest.mark.parametrize(
    ("kind", "feature"),
    [
        (pa.int64(), FeatureColumn("x", "category")),
        (pa.string(), FeatureColumn("x", "number")),
        (pa.timestamp("us", tz="UTC"), FeatureColumn("x", "time", ("hour",))),
        (pa.int64(), FeatureColumn("x", "time", ("hour",))),
    ],
)
def test_what_has_no_row_form_is_left_to_the_columns(kind: pa.DataType, feature: FeatureColumn) -> None:
    assert not fits(pa.schema({"x": kind}), [feature])


def test_the_moments_around_a_change_of_the_clock_are_told_apart() -> None:
    feature = [FeatureColumn("at", "time", ("hour",), "America/New_York")]
    change = 1_700_000_000_000 // 1 - (1_700_000_000_000 - 1_699_164_000_000)  # 2023-11-05T06:00:00Z
    hours = [float(RowInputs(feature)([{"at": change + ms}])["at_hour"][0, 0]) for ms in (-1, 0, 999, 3_600_000)]
    assert hours == [1.0, 1.0, 1.0, 2.0]
    assert math.isnan(float(RowInputs(feature)([{"at": None}])["at_hour"][0, 0]))
