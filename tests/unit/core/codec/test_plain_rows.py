"""Data written as columns have the bytes that they have one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.codec.support import Catalog
from tidemill.codec import Codec
from tidemill.codec.layout import layout_of
from tidemill.codec.plain_rows import FEWEST, plain_columns
from tidemill.contracts.schemas.catalog import make_schema

TIME = {"type": "long", "logicalType": "timestamp-millis"}
TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "flag": ("boolean", st.booleans()),
    "small": (["null", "int"], st.none() | st.integers(-(2**31), 2**31 - 1)),
    "big": ("long", st.integers(-(2**63), 2**63 - 1)),
    "ratio": (["null", "double"], st.none() | st.floats(allow_nan=False)),
    "text": (["null", "string"], st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
    "raw": ("bytes", st.binary(max_size=5)),
    "at": (TIME, st.integers(-(10**12), 10**13)),
}
SCHEMA = make_schema(
    "plain", {"type": "record", "name": "Plain", "fields": [{"name": n, "type": t} for n, (t, _) in TYPES.items()]}
)
DATA = st.lists(st.fixed_dictionaries({name: values for name, (_, values) in TYPES.items()}), max_size=8)


@settings(deadline=None)
@given(DATA)
def test_the_bytes_are_those_of_each_alone(data: list[dict[str, Any]]) -> None:
    codec = Codec(Catalog(SCHEMA))  # type: ignore[arg-type]
    assert codec.encode_each(data, SCHEMA) == [codec.encode_one(datum, SCHEMA) for datum in data]
    layout = layout_of(SCHEMA.json)
    assert layout is not None
    assert (plain_columns(data, layout) is not None) == (len(data) >= FEWEST)


@pytest.mark.parametrize("value", ["text", 2**31, None, 1.5])
def test_what_is_not_of_its_fields_type_fares_as_it_does_alone(value: Any) -> None:
    schema = make_schema("n", {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]})
    codec = Codec(Catalog(schema))  # type: ignore[arg-type]
    data = [{"n": 1}] * FEWEST + [{"n": value}]
    try:
        alone: list[bytes] | None = [codec.encode_one(datum, schema) for datum in data]
    except ValueError:
        alone = None
    if alone is None:
        with pytest.raises(ValueError, match=r"record|null"):
            codec.encode_each(data, schema)
    else:
        assert codec.encode_each(data, schema) == alone


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, "b"),
        ({"type": "array", "items": "int"}, [1, 2]),
        ({"type": "map", "values": "double"}, {"z": 1.0, "a": 2.0}),
        ("float", 0.1),
        (["null", "string", "double"], 0.5),
    ],
)
def test_fields_of_other_kinds_go_one_by_one(kind: Any, value: Any) -> None:
    schema = make_schema("k", {"type": "record", "name": "K", "fields": [{"name": "k", "type": kind}]})
    codec = Codec(Catalog(schema))  # type: ignore[arg-type]
    assert codec.encode_each([{"k": value}] * 5, schema) == [codec.encode_one({"k": value}, schema)] * 5
