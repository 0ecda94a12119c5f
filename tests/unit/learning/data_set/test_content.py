"""The hash that names labelled rows: the same for the same values however they are kept, another one for any other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.learning.examples import labelled
from tidemill_learning.data_set.content import content_hash


def rows(count: int = 50) -> pa.Table:
    """Labelled rows with event ids, in order of time."""
    ids = pa.array([f"e{number:03}" for number in range(count)])
    return labelled("binary", count).append_column("_event_id", ids)


def with_value(table: pa.Table, name: str, row: int, value: object) -> pa.Table:
    values = table.column(name).to_pylist()
    values[row] = value
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, pa.array(values, table.schema.field(at).type))


def one(value: pa.Array) -> pa.Table:
    return pa.table({"_event_id": [f"e{n}" for n in range(len(value))], "x": value})


def test_the_order_of_rows_and_columns_makes_no_difference() -> None:
    table = rows()
    mixed = table.take(pa.array(np.random.default_rng(3).permutation(table.num_rows)))
    assert content_hash(mixed) == content_hash(table)
    assert content_hash(table.select(table.column_names[::-1])) == content_hash(table)
    parts = pa.concat_tables([table.slice(30), table.slice(0, 30)])
    assert parts.column("wind").num_chunks == 2 and content_hash(parts) == content_hash(table)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wind", 0.1), ("wind", None), ("wind", float("nan")), ("place", "d"), ("place", ""), ("place", None),
        ("_label", None), ("_event_id", "another"),
    ],
)  # fmt: skip
def test_any_other_value_gives_another_hash(name: str, value: object) -> None:
    before = {"wind": 0.25, "place": "b", "_label": True, "_event_id": "e007"}
    table = with_value(rows(), name, 7, before[name])
    assert content_hash(with_value(table, name, 7, value)) != content_hash(table)


def test_a_row_less_and_another_name_of_a_column_give_another_hash() -> None:
    table = rows()
    assert content_hash(table.slice(1)) != content_hash(table)
    renamed = table.rename_columns(["gust" if name == "wind" else name for name in table.column_names])
    assert content_hash(renamed) != content_hash(table)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (pa.array([1, None, 3], pa.int32()), pa.array([1, None, 3], pa.int64())),
        (pa.array([0.5, None], pa.float32()), pa.array([0.5, None], pa.float64())),
        (pa.array(["a", None, ""]), pa.array(["a", None, ""], pa.large_string())),
        (pa.array(["a", None, ""]), pa.array(["a", None, ""]).dictionary_encode()),
        (pa.array([5, None], pa.timestamp("ms", "UTC")), pa.array([5_000, None], pa.timestamp("us", "UTC"))),
        (pa.array([True, None]), pa.array([True, None])),
    ],
)
def test_how_a_value_is_kept_makes_no_difference(narrow: pa.Array, wide: pa.Array) -> None:
    assert content_hash(one(narrow)) == content_hash(one(wide))


def test_texts_do_not_run_into_each_other() -> None:
    assert content_hash(one(pa.array(["ab", "c"]))) != content_hash(one(pa.array(["a", "bc"])))
    assert content_hash(one(pa.array(["", None]))) != content_hash(one(pa.array([None, ""])))


def test_a_nan_is_one_value_and_minus_zero_is_another_zero() -> None:
    strange = np.frombuffer(np.uint64(0x7FF8000000000123).tobytes(), np.float64)
    assert content_hash(one(pa.array([float("nan")]))) == content_hash(one(pa.array(strange)))
    assert content_hash(one(pa.array([0.0]))) != content_hash(one(pa.array([-0.0])))


def test_it_stays_what_it_is_over_releases() -> None:
    """Else no version of before could be proved."""
    table = one(pa.array([1.5, None, -0.0]))
    assert content_hash(table) == "76453b1a1164f12fa32364c9b0693d03e53992fa4ae3242a31bfe91ef49b52eb"
