"""Records of one schema read with another: what columns move, what goes record by record, what does not resolve."""

from __future__ import annotations

import io
from itertools import product
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pytest

from tests.unit.core.codec.support import MILLIS, Catalog, DictRegistry, binary, confluent, framed, record
from tidemill.codec import Codec
from tidemill.codec.codec import Decoded
from tidemill.codec.framing import single_object_header
from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.contracts.schemas.compatibility import reading_problems

VALUES: dict[str, list[Any]] = {
    "int": [7, -(2**31), 2**31 - 1, 2**24 + 1],
    "long": [7, -(2**63), 2**63 - 1, 2**53 + 1],
    "float": [1.5, 0.0],
    "double": [1.5, 1e300],
    "string": ["a", "é"],
    "bytes": [b"a", b"\xff"],
    "boolean": [True, False],
}
FORMS = ("plain", "nullable", "array", "map", "nested")


def shaped(kind: Any, form: str) -> Any:
    return {
        "plain": kind,
        "nullable": ["null", kind],
        "array": {"type": "array", "items": ["null", kind]},
        "map": {"type": "map", "values": kind},
        "nested": {"type": "record", "name": "Inner", "fields": [{"name": "v", "type": kind}]},
    }[form]


def within(value: Any, form: str) -> Any:
    forms = {"plain": value, "nullable": value, "array": [value, None], "map": {"k": value}, "nested": {"v": value}}
    return forms[form]


def thing(*fields: dict[str, Any], **over: Any) -> Schema:
    base = {"type": "record", "name": "Thing", "namespace": "test", **over}
    return make_schema("thing", {**base, "fields": [{"name": "id", "type": "string"}, *fields]})


def field(kind: Any, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "Colour", "symbols": list(symbols), **more}


def read(writer: Schema, reader: Schema, *data: dict[str, Any]) -> Decoded:
    values = [framed(writer, {"id": f"{n}", **datum}) for n, datum in enumerate(data)]
    return Codec(Catalog(writer, reader)).decode(values, reader)  # type: ignore[arg-type]


def column(decoded: Decoded, name: str = "x") -> list[Any]:
    assert not decoded.bad, decoded.bad[0]
    rows: list[Any] = decoded.rows.column(name).to_pylist(maps_as_pydicts="strict")
    return rows


@pytest.mark.parametrize("form", FORMS)
def test_every_pair_of_types_reads_as_avro_says_or_is_bad_and_never_ends_the_reader(form: str) -> None:
    for was, now in product(VALUES, VALUES):
        writer, reader = thing(field(shaped(was, form))), thing(field(shaped(now, form)))
        for value in VALUES[was]:
            datum = {"id": "0", "x": within(value, form)}
            decoded = read(writer, reader, datum)
            try:
                stream = io.BytesIO(framed(writer, datum)[10:])
                expected: Any = fastavro.schemaless_reader(stream, writer.parsed, reader.parsed)
            except Exception:  # noqa: BLE001 - whatever fastavro refuses, in whatever way
                assert decoded.bad, (was, now, value)
                assert reading_problems(reader, writer), (was, now, value)
                continue
            if now == "float":
                expected = {**expected, "x": within(float(np.float32(value)), form)}
            assert column(decoded) == [expected["x"]], (was, now, value)


def test_a_renamed_field_is_moved_as_a_column_and_widened_on_the_way() -> None:
    writer, reader = thing(field("int")), thing(field("double", "y", aliases=["w", "x"]))
    assert column(read(writer, reader, {"x": 3}, {"x": -1}), "y") == [3.0, -1.0]
    assert column(read(writer, thing(field("int", "y", aliases=["w"], default=9)), {"x": 3}), "y") == [9]


def test_two_fields_that_swap_their_names_keep_their_own() -> None:
    writer = thing(field("int", "a"), field("int", "b"))
    reader = thing(field("int", "b", aliases=["a"]), field("int", "a", aliases=["b"]))
    assert column(read(writer, reader, {"a": 1, "b": 2}), "a") == [1]


def test_a_renamed_record_is_the_same_where_it_names_its_alias() -> None:
    writer = thing(field("int"))
    assert column(read(writer, thing(field("int"), name="Other", aliases=["Thing"]), {"x": 1})) == [1]
    (bad,) = read(writer, thing(field("int"), name="Other"), {"x": 1}).bad
    assert bad.error_class == "IncompatibleSchema"


INNER = {"type": "record", "name": "Inner", "fields": [{"name": "a", "type": "int", "default": 4}]}


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        ("long", 2**40, 2**40),
        ("float", 1, 1.0),
        ("boolean", True, True),
        ("bytes", "\u00ffa", b"\xffa"),
        (["null", "int"], None, None),
        (["bytes", "null"], "\u00fe", b"\xfe"),
        (enum("RED", "BLUE"), "BLUE", "BLUE"),
        ({"type": "array", "items": "double"}, [1, 2], [1.0, 2.0]),
        ({"type": "array", "items": "int"}, [], []),
        ({"type": "map", "values": "bytes"}, {"k": "\u00ff"}, {"k": b"\xff"}),
        (INNER, {"a": 7}, {"a": 7}),
        (INNER, {}, {"a": 4}),
    ],
    ids=str,
)
def test_a_field_that_is_new_has_its_default(kind: Any, default: Any, expected: Any) -> None:
    writer, reader = thing(), thing(field(kind, default=default))
    assert column(read(writer, reader, {}, {})) == [expected] * 2
    one = Codec(Catalog(writer, reader)).decode_one(framed(writer, {"id": "0"}), reader)  # type: ignore[arg-type]
    assert one["x"] == expected


def test_a_time_that_is_new_has_its_default() -> None:
    rows = read(thing(), thing(field(MILLIS, default=1_000)), {}).rows
    assert rows.column("x").cast(pa.int64()).to_pylist() == [1_000]


def test_the_symbols_of_an_enum_may_grow_and_move_and_those_that_are_gone_need_a_default() -> None:
    was = thing(field(enum("RED", "BLUE")))
    data = [{"x": "RED"}, {"x": "BLUE"}]
    assert column(read(was, thing(field(enum("GREEN", "BLUE", "RED"))), *data)) == ["RED", "BLUE"]
    assert column(read(was, thing(field(enum("RED", default="RED"))), *data)) == ["RED", "RED"]
    gone = read(was, thing(field(enum("RED"))), *data)
    assert [(bad.position, bad.error_class) for bad in gone.bad] == [(1, "IncompatibleSchema")]
    assert gone.rows.column("x").to_pylist() == ["RED"]


def test_symbols_inside_of_an_array_are_resolved_too() -> None:
    was, now = ({"type": "array", "items": enum(*symbols, default="RED")} for symbols in (("RED", "BLUE"), ("RED",)))
    assert column(read(thing(field(was)), thing(field(now)), {"x": ["BLUE", "RED"]})) == [["RED", "RED"]]


def test_fields_inside_of_a_record_are_renamed_added_and_dropped() -> None:
    was = {"type": "record", "name": "Inner", "fields": [field("int", "a"), field("string", "b")]}
    now = {
        "type": "record",
        "name": "Inner",
        "fields": [field("long", "c", aliases=["a"]), field("string", "d", default="new")],
    }
    many = [{"type": "array", "items": kind} for kind in (was, now)]
    inner = {"a": 3, "b": "gone"}
    assert column(read(thing(field(was)), thing(field(now)), {"x": inner})) == [{"c": 3, "d": "new"}]
    assert column(read(thing(field(many[0])), thing(field(many[1])), {"x": [inner]})) == [[{"c": 3, "d": "new"}]]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MILLIS, 5),
        (MILLIS, 2**55),
        ({"type": "int", "logicalType": "date"}, -1),
        ({"type": "int", "logicalType": "time-millis"}, 5),
        ({"type": "string", "logicalType": "uuid"}, "none at all"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}, b"\x01\xff"),
    ],
    ids=str,
)
def test_logical_types_come_through_where_records_are_resolved_one_by_one(kind: Any, value: Any) -> None:
    writer, reader = thing(field(kind)), thing(field(kind), field({"type": "array", "items": "int"}, "y", default=[]))
    below = str(kind["type"])
    plain = record("Thing", [{"name": "id", "type": "string"}, field(below)])
    values = [single_object_header(writer.fingerprint) + binary(plain, {"id": "0", "x": value})]
    decoded = Codec(Catalog(writer, reader)).decode(values, reader)  # type: ignore[arg-type]
    assert not decoded.bad
    arrow = {"int": pa.int32(), "long": pa.int64(), "string": pa.string(), "bytes": pa.binary()}[below]
    assert decoded.rows.column("x").cast(arrow).to_pylist() == [value]


def test_a_time_in_other_units_is_refused_where_the_registry_tells_them_apart() -> None:
    micros = thing(field({"type": "long", "logicalType": "timestamp-micros"}))
    reader = thing(field(MILLIS))
    codec = Codec(Catalog(reader), DictRegistry({7: micros.text}))  # type: ignore[arg-type]
    (bad,) = codec.decode([confluent(7, thing(field("long")), {"id": "0", "x": 5})], reader).bad
    assert bad.error_class == "IncompatibleSchema"
    assert "timestamp-micros" in bad.message


@pytest.mark.parametrize("form", FORMS)
def test_bytes_are_bytes_wherever_they_stand(form: str) -> None:
    schema = thing(field(shaped("bytes", form)))
    data = [{"x": within(value, form)} for value in (b"\xff\xfe", b"", b"a")]
    values = [framed(schema, {"id": f"{n}", **datum}) for n, datum in enumerate(data)]
    codec = Codec(Catalog(schema))  # type: ignore[arg-type]
    decoded = codec.decode([*values, b"junk"], schema)
    assert [bad.position for bad in decoded.bad] == [3]
    assert decoded.rows.column("x").to_pylist(maps_as_pydicts="strict") == [datum["x"] for datum in data]
    assert codec.encode(decoded.rows, schema) == values
    assert codec.encode(decoded.rows.slice(1), schema) == values[1:]
