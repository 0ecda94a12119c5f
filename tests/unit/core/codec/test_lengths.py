"""The bytes of a batch's shortest form are those that fastavro writes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.codec.support import EVENT_V1, Catalog, binary, event, framed, record
from tidemill.codec import Codec
from tidemill.codec.layout import layout_of
from tidemill.codec.lengths import measures_of, shortest_form

FIELDS: list[tuple[str, Any, st.SearchStrategy[Any]]] = [
    ("text", "string", st.text(max_size=90)),
    ("bytes", "bytes", st.binary(max_size=90)),
    ("long", "long", st.integers(-(2**63), 2**63 - 1)),
    ("int", "int", st.integers(-(2**31), 2**31 - 1)),
    ("double", "double", st.floats()),
    ("float", "float", st.floats(width=32)),
    ("flag", "boolean", st.booleans()),
    ("at", {"type": "long", "logicalType": "timestamp-millis"}, st.integers(-(2**40), 2**42)),
    ("day", {"type": "int", "logicalType": "date"}, st.integers(-10_000, 10_000)),
    ("kind", {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}, st.sampled_from("ab")),
]
NULLABLE = [(f"{name}_or_null", ["null", kind] if name != "kind" else ["null", "string"], st.none() | values)
            for name, kind, values in FIELDS]  # fmt: skip
ALL = record("All", [{"name": name, "type": kind} for name, kind, _ in [*FIELDS, *NULLABLE]])
ROWS = st.fixed_dictionaries({name: values for name, _, values in [*FIELDS, *NULLABLE]})


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=5), st.integers(0, 3))
def test_a_batch_is_measured_as_it_is_written(rows: list[dict[str, Any]], start: int) -> None:
    decoded = Codec(Catalog(ALL)).decode([framed(ALL, row) for row in rows], ALL)  # type: ignore[arg-type]
    assert decoded.bad == []
    measures = measures_of(ALL.json)
    assert measures is not None
    assert shortest_form(decoded.rows.slice(start), measures)[0] == sum(len(binary(ALL, row)) for row in rows[start:])


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_has_the_length_that_avro_gives_it(number: int) -> None:
    one = record("One", [{"name": "x", "type": "long"}])
    measures = measures_of(one.json)
    assert measures is not None
    rows = pa.record_batch({"x": pa.array([number], pa.int64())})
    assert shortest_form(rows, measures)[0] == len(binary(one, {"x": number}))


def test_types_inside_of_others_are_not_measured() -> None:
    nested = record("Nested", [{"name": "x", "type": {"type": "array", "items": "long"}}])
    layout = layout_of(nested.json)
    assert layout is not None
    assert layout.measures is None


def test_bytes_left_over_behind_one_record_of_many_are_found() -> None:
    values = [framed(EVENT_V1, event(k)) for k in range(100)]
    values[41] += b"\0"
    decoded = Codec(Catalog(EVENT_V1)).decode(values, EVENT_V1)  # type: ignore[arg-type]
    assert [bad.position for bad in decoded.bad] == [41]
    assert decoded.rows.num_rows == 99
