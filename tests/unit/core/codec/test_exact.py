"""A whole number that its Avro type does not hold is refused and never another number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.codec.support import Catalog, binary, record
from tidemill.codec import Codec
from tidemill.codec.exact import DEEPEST, check_exact
from tidemill.codec.framing import single_object_header
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import DeadLetter

INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)
ENUM = {"type": "enum", "name": "E", "symbols": ["a", "b"]}
DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


def whole(number: int, idle: int = 0) -> bytes:
    """Avro's zigzag and variable length, of any width; `idle` bytes longer than it has to be."""
    left = number * 2 if number >= 0 else -number * 2 - 1
    out = bytearray()
    while left >> 7 or idle:
        out.append(left & 0x7F | 0x80)
        idle -= not left >> 7
        left >>= 7
    return bytes([*out, left])


def holds(kind: str, number: int) -> bool:
    low, high = INT if kind in ("int", "date") else LONG
    return low <= number <= high


EDGES = [n + d for n in (0, 2**27, 2**31, 2**32, 2**33, 2**62, 2**63, 2**64) for d in (-1, 0, 1)]
NUMBERS = st.one_of(st.sampled_from([*EDGES, *(-n for n in EDGES)]), st.integers(-(2**66), 2**66))


@settings(deadline=None)
@given(st.sampled_from(["int", "long"]), st.lists(NUMBERS, min_size=1, max_size=8), st.booleans(), st.booleans())
def test_a_batch_keeps_every_number_that_fits_and_sets_every_other_aside(
    kind: str, numbers: list[int], nullable: bool, nested: bool
) -> None:
    numbers = [n for n in numbers if len(whole(n)) <= 10]
    inner: Any = {"type": "array", "items": kind} if nested else kind
    schema = record("R", [{"name": "x", "type": ["null", inner] if nullable else inner}])
    head = single_object_header(schema.fingerprint) + (b"\x02" if nullable else b"")
    values = [head + (b"\x02" + whole(n) + b"\x00" if nested else whole(n)) for n in numbers]
    codec = Codec(Catalog(schema))  # type: ignore[arg-type]
    decoded = codec.decode(values, schema)
    kept = [n for n in numbers if holds(kind, n)]
    assert decoded.rows.column("x").to_pylist() == [[n] if nested else n for n in kept]
    assert [b.position for b in decoded.bad] == [k for k, n in enumerate(numbers) if not holds(kind, n)]
    for value, number in zip(values, numbers, strict=True):
        if holds(kind, number):
            assert codec.decode_one(value, schema)["x"] == ([number] if nested else number)
        else:
            with pytest.raises(DeadLetter, match="more than"):
                codec.decode_one(value, schema)


@pytest.mark.parametrize(("kind", "number"), [(DATE, 3_000_000_000), (MILLIS, 2**63 + 5), (ENUM, 2**32 + 1)])
def test_times_dates_and_symbols_do_not_wrap_either(kind: Any, number: int) -> None:
    schema = record("R", [{"name": "x", "type": kind}])
    value = single_object_header(schema.fingerprint) + whole(number)
    assert len(Codec(Catalog(schema)).decode([value], schema).bad) == 1  # type: ignore[arg-type]


def test_a_number_of_an_earlier_schema_that_overflows_is_set_aside_too() -> None:
    fields: list[dict[str, Any]] = [{"name": "x", "type": "int"}, {"name": "e", "type": ENUM}]
    writer = record("R", fields)
    reader = record("R", [{**fields[0], "type": "long"}, {**fields[1], "type": {**ENUM, "symbols": ["b", "a"]}}])
    head = single_object_header(writer.fingerprint)
    codec = Codec(Catalog(writer))  # type: ignore[arg-type]
    decoded = codec.decode([head + whole(7) + b"\0", head + whole(3_000_000_000) + b"\0"], reader)
    assert decoded.rows.column("x").to_pylist() == [7]
    assert [b.position for b in decoded.bad] == [1]


def test_idle_bytes_change_nothing() -> None:
    schema = record("R", [{"name": "x", "type": "int"}, {"name": "y", "type": "long"}])
    value = single_object_header(schema.fingerprint) + whole(5, idle=3) + whole(-9, idle=2)
    decoded = Codec(Catalog(schema)).decode([value], schema)  # type: ignore[arg-type]
    assert decoded.bad == []
    assert decoded.rows.to_pylist() == [{"x": 5, "y": -9}]


EVERYTHING = record(
    "All",
    [
        {"name": "a", "type": "int"},
        {"name": "b", "type": ["null", "string", "double"]},
        {"name": "c", "type": {"type": "map", "values": {"type": "array", "items": "long"}}},
        {"name": "d", "type": {"type": "fixed", "name": "F", "size": 3}},
        {"name": "e", "type": {"type": "record", "name": "Node", "fields": [
            {"name": "next", "type": ["null", "Node"]}, {"name": "is", "type": "boolean"}]}},
        {"name": "f", "type": ["null", "test.Node"]},
    ],
)  # fmt: skip
NODES = st.recursive(
    st.fixed_dictionaries({"next": st.none(), "is": st.booleans()}),
    lambda inner: st.fixed_dictionaries({"next": inner, "is": st.booleans()}),
    max_leaves=4,
)
DATA = st.fixed_dictionaries(
    {
        "a": st.integers(*INT), "b": st.none() | st.text() | st.floats(),
        "c": st.dictionaries(st.text(max_size=3), st.lists(st.integers(*LONG), max_size=3), max_size=3),
        "d": st.binary(min_size=3, max_size=3), "e": NODES, "f": st.none() | NODES,
    }
)  # fmt: skip


@settings(deadline=None)
@given(DATA, st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_whatever_fastavro_writes_is_exact_and_a_part_of_it_or_more_than_it_is_not(
    datum: dict[str, Any], cut: int, more: bytes
) -> None:
    written = binary(EVERYTHING, datum)
    check_exact(written, EVERYTHING.parsed)
    with pytest.raises(ValueError, match="left over"):
        check_exact(written + more, EVERYTHING.parsed)
    with pytest.raises(ValueError, match=r"cut short|choices"):
        check_exact(written[: cut % len(written)], EVERYTHING.parsed)


def test_depth_and_items_without_bytes_are_bounded() -> None:
    node: Schema = record("Node", [{"name": "next", "type": ["null", "Node"]}])
    with pytest.raises(ValueError, match="levels deep"):
        check_exact(b"\x02" * (DEEPEST + 10) + b"\0", node.parsed)
    nulls = {"type": "array", "items": "null"}
    check_exact(whole(1_000) + b"\0", nulls)
    with pytest.raises(ValueError, match="more than its bytes can tell of"):
        check_exact(whole(10**15) + b"\0", nulls)
