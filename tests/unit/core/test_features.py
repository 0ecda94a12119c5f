from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.artifact import FeatureColumn
from tidemill.rows.features import feature_inputs, input_kinds, input_names, rounded

YEAR_2038_MS = 2_145_916_800_000
WHEN = FeatureColumn("at", "time", ("hour", "weekday", "month"), "America/New_York")


def rows(**columns: pa.Array) -> pa.RecordBatch:
    return pa.record_batch(columns)


def instants(*values: int | None) -> pa.Array:
    return pa.array(values, pa.timestamp("ms", tz="UTC"))


def test_inputs_are_named_in_the_order_of_the_model_file():
    features = (FeatureColumn("carrier", "category"), WHEN, FeatureColumn("distance", "number"))
    assert input_names(features) == ("carrier", "at_hour", "at_weekday", "at_month", "distance")
    assert set(input_kinds(features).values()) == {"category", "number"}


def test_a_category_is_text_and_a_null_is_the_empty_string():
    found = feature_inputs(rows(carrier=pa.array(["AA", None, ""])), [FeatureColumn("carrier", "category")])
    assert found["carrier"].tolist() == [["AA"], [""], [""]]
    assert found["carrier"].dtype == object


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["b", None, "a"]).dictionary_encode(), ["b", "", "a"]),
        (pa.array(["b", None], pa.large_string()), ["b", ""]),
        (pa.array([True, None, False]), ["true", "", "false"]),
        (pa.array([7, None]), ["7", ""]),
    ],
    ids=["dictionary", "large", "boolean", "integer"],
)
def test_a_category_of_any_column_type_is_text(column: pa.Array, expected: list[str]):
    found = feature_inputs(rows(c=column), [FeatureColumn("c", "category")])
    assert found["c"].ravel().tolist() == expected


def test_a_number_is_a_double_and_what_is_not_finite_is_missing():
    column = pa.array([1.5, None, float("nan"), float("inf"), 1e300])
    found = feature_inputs(rows(x=column), [FeatureColumn("x", "number")])["x"]
    assert (found.dtype, found.shape) == (np.float64, (5, 1))
    assert np.array_equal(found.ravel(), [1.5, *[np.nan] * 3, 1e300], equal_nan=True)


@pytest.mark.parametrize("column", [pa.array([3, None]), pa.array([2**60, None]), pa.array([True, None])])
def test_whole_numbers_and_booleans_are_numbers(column: pa.Array):
    found = feature_inputs(rows(x=column), [FeatureColumn("x", "number")])["x"]
    assert found[0, 0] == column[0].as_py()
    assert np.isnan(found[1, 0])


def test_a_time_is_read_in_its_zone_across_daylight_saving():
    before = int(datetime(2013, 3, 10, 6, 59, tzinfo=UTC).timestamp() * 1000)
    after = int(datetime(2013, 3, 10, 7, 0, tzinfo=UTC).timestamp() * 1000)
    found = feature_inputs(rows(at=instants(before, after, None)), [WHEN])
    assert found["at_hour"].ravel()[:2].tolist() == [1.0, 3.0]
    assert found["at_weekday"].ravel()[:2].tolist() == [6.0, 6.0]
    assert found["at_month"].ravel()[:2].tolist() == [3.0, 3.0]
    assert all(np.isnan(found[name][2, 0]) for name in found)


@given(
    st.integers(min_value=0, max_value=YEAR_2038_MS - 1),
    st.sampled_from(["America/New_York", "Asia/Kathmandu", "Europe/Berlin", "UTC", None]),
)
def test_a_time_agrees_with_the_standard_library(ms: int, zone: str | None):
    local = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone or "UTC"))
    feature = FeatureColumn("at", "time", ("hour", "weekday", "month"), zone)
    found = feature_inputs(rows(at=instants(ms)), [feature])
    assert [found[name][0, 0] for name in found] == [local.hour, local.weekday(), local.month]


def test_a_slice_and_a_table_give_what_the_batch_gives():
    batch = rows(x=pa.array([1.0, 2.0, None]), at=instants(0, 1, 2))
    features = [FeatureColumn("x", "number"), WHEN]
    whole = feature_inputs(batch, features)
    for rows_alike in (batch.slice(1), pa.Table.from_batches([batch.slice(1, 1), batch.slice(2)])):
        for name, values in feature_inputs(rows_alike, features).items():
            assert np.array_equal(values, whole[name][1:], equal_nan=True)


def test_no_rows_give_empty_inputs():
    found = feature_inputs(rows(x=pa.array([], pa.float64()), at=instants()), [FeatureColumn("x", "number"), WHEN])
    assert all(values.shape == (0, 1) for values in found.values())


def test_a_missing_column_an_unknown_kind_and_an_unknown_part_are_named():
    batch = rows(at=instants(0))
    with pytest.raises(KeyError, match="no column 'x'"):
        feature_inputs(batch, [FeatureColumn("x", "number")])
    with pytest.raises(ValueError, match="unknown kind"):
        feature_inputs(batch, [FeatureColumn("at", "poem")])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no part 'second'"):
        feature_inputs(batch, [FeatureColumn("at", "time", ("second",))])


def test_whole_numbers_that_no_double_is_are_counted_by_feature() -> None:
    rows = pa.record_batch(
        {
            "id": pa.array([2**53, 2**53 + 1, None, -(2**53) - 1, 2**60]),
            "some": pa.array([2**60, 2**61, None, 1, 2]),
            "small": pa.array([1, 2, 3, 4, None]),
            "real": pa.array([1e300, 2.0**60, None, 0.0, 1.0]),
            "none": pa.array([None] * 5, pa.int64()),
        }
    )
    features = [FeatureColumn(name, "number") for name in rows.schema.names]
    assert rounded(rows, features) == {"id": 2}
    assert rounded(rows, [FeatureColumn("id", "category")]) == {}
