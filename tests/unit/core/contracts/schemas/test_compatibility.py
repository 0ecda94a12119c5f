"""Which changes of a schema leave what is in flight readable, checked against fastavro's own reading."""

from __future__ import annotations

import io
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.contracts.schemas.compatibility import reading_problems

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}


def enum(*symbols: str) -> dict[str, Any]:
    return {"type": "enum", "name": "Colour", "symbols": list(symbols)}


def thing(*fields: dict[str, Any], name: str = "Thing") -> Schema:
    base = [{"name": "id", "type": "string"}, *fields]
    return make_schema("thing", {"type": "record", "name": name, "fields": base})


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "a", "type": kind, **more}


READABLE = [
    (field("int"), field("int"), 5),
    (field("int"), field("long"), 5),
    (field("int"), field("double"), 5),
    (field("float"), field("double"), 0.5),
    (field("int"), field(["null", "int"]), 5),
    (field(["null", "int"]), field(["null", "long"]), None),
    (field(enum("RED")), field(enum("RED", "BLUE")), "RED"),
    (field({"type": "array", "items": "int"}), field({"type": "array", "items": "long"}), [1]),
    (field({"type": "map", "values": "int"}), field({"type": "map", "values": ["null", "int"]}), {"x": 1}),
    (field(MILLIS), field(["null", MILLIS]), 5),
    (field("string"), field("bytes"), "x"),
    (field("int"), {"name": "b", "type": "int", "aliases": ["a"]}, 5),
]
BROKEN = [
    (field("int"), field("string"), "a: was int and is string now"),
    (field("long"), field("int"), "a: was long and is int now"),
    (field(["null", "int"]), field("int"), "a: was null and is int now"),
    (field(["null", "int"]), field(["null", "string"]), "a: was int, which null or string cannot hold"),
    (field(enum("RED", "BLUE")), field(enum("RED")), "a: lost the symbols BLUE"),
    (field(enum("RED")), field({**enum("RED"), "name": "Tint"}), "a: the enum was called Colour: name it as an alias"),
    (field({"type": "array", "items": "int"}), field({"type": "array", "items": "string"}), "a[]: was int"),
    (field(MILLIS), field(MICROS), "a: was timestamp-millis and is timestamp-micros now: use a new field"),
    (field("long"), field(MILLIS), "a: was long and is timestamp-millis now: use a new field"),
    (field("int"), field(MILLIS), "a: was int and is timestamp-millis now"),
    (field("long"), field("double"), "a: was long and is double now"),
    (field("bytes"), field("string"), "a: was bytes and is string now"),
    (
        field({"type": "fixed", "name": "F", "size": 4}),
        field({"type": "fixed", "name": "F", "size": 8}),
        "a: had 4 bytes and has 8 now",
    ),
]


@pytest.mark.parametrize(("old", "new", "value"), READABLE)
def test_a_change_that_avro_resolves_is_no_problem(old: Any, new: Any, value: Any) -> None:
    writer, reader = thing(old), thing(new)
    assert reading_problems(reader, writer) == []
    stream = io.BytesIO()
    schemaless_writer(stream, writer.parsed, {"id": "1", "a": value})
    read = schemaless_reader(io.BytesIO(stream.getvalue()), writer.parsed, reader.parsed)
    assert isinstance(read, dict) and read["id"] == "1"


@pytest.mark.parametrize(("old", "new", "problem"), BROKEN)
def test_a_change_that_loses_something_is_named(old: Any, new: Any, problem: str) -> None:
    (found,) = reading_problems(thing(new), thing(old))
    assert found.startswith(f"thing.{problem}")


PRIMITIVE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "string": st.text(max_size=4),
    "bytes": st.binary(max_size=4),
}
primitives = st.sampled_from(list(PRIMITIVE_VALUES))
kinds = st.one_of(
    primitives,
    primitives.map(lambda kind: ["null", kind]),
    primitives.map(lambda kind: {"type": "array", "items": kind}),
    primitives.map(lambda kind: {"type": "map", "values": ["null", kind]}),
    st.sets(st.sampled_from(["RED", "BLUE", "GREEN"]), min_size=1).map(lambda s: enum(*sorted(s))),
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, str):
        return PRIMITIVE_VALUES[kind]
    if isinstance(kind, list):
        return st.none() | values(kind[1])
    if kind["type"] == "array":
        return st.lists(values(kind["items"]), max_size=2)
    if kind["type"] == "map":
        return st.dictionaries(st.text(max_size=2), values(kind["values"]), max_size=2)
    return st.sampled_from(kind["symbols"])


@settings(max_examples=400)
@given(kinds, kinds, st.data())
def test_where_no_problem_is_found_every_value_is_read(old: Any, new: Any, data: st.DataObject) -> None:
    writer, reader = thing(field(old)), thing(field(new))
    value = data.draw(values(old))
    stream = io.BytesIO()
    schemaless_writer(stream, writer.parsed, {"id": "1", "a": value})
    stream.seek(0)
    if not reading_problems(reader, writer):
        read = schemaless_reader(stream, writer.parsed, reader.parsed)
        assert isinstance(read, dict)
        assert read["a"] == value or "bytes" in str(new)  # text that is bytes now


def test_a_new_field_needs_a_default_and_an_old_one_may_go() -> None:
    assert reading_problems(thing(field(["null", "int"], default=None)), thing()) == []
    assert reading_problems(thing(field("int")), thing()) == ["thing.a: is new and has no default"]
    assert reading_problems(thing(), thing(field("int"))) == []


def test_a_record_with_another_name_is_another_record() -> None:
    (problem,) = reading_problems(thing(name="Other"), thing())
    assert problem == "thing: the record was called Thing: name it as an alias"
    renamed = make_schema("thing", {**thing(name="Other").json, "aliases": ["Thing"]})
    assert reading_problems(renamed, thing()) == []


def test_a_change_inside_a_nested_type_is_found_at_every_place_of_its_use() -> None:
    def nested(inner: str) -> Schema:
        point = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": inner}]}
        return thing(field(point), {"name": "b", "type": ["null", "Point"], "default": None})

    assert reading_problems(nested("long"), nested("int")) == []
    assert reading_problems(nested("string"), nested("int")) == [
        "thing.a.x: was int and is string now",
        "thing.b: was Point, which null or Point cannot hold",
    ]


def test_a_record_that_holds_itself_is_compared_once() -> None:
    def tree(kind: str) -> Schema:
        fields = [
            {"name": "value", "type": kind},
            {"name": "left", "type": ["null", "Tree"], "default": None},
        ]
        return make_schema("tree", {"type": "record", "name": "Tree", "fields": fields})

    assert reading_problems(tree("long"), tree("int")) == []
    assert reading_problems(tree("int"), tree("long")) == ["tree.value: was long and is int now"]


def test_a_type_that_is_spelled_out_in_a_field_that_is_new_is_known_where_it_is_named_later() -> None:
    point = {"type": "record", "name": "Point", "fields": [field("long")]}
    old = thing(field(["null", point], name="after", default=None))
    new = thing(
        field(["null", point], name="before", default=None), field(["null", "Point"], name="after", default=None)
    )
    assert reading_problems(new, old) == []
    wide = {"type": "record", "name": "Point", "fields": [field("string")]}
    other = thing(
        field(["null", wide], name="before", default=None), field(["null", "Point"], name="after", default=None)
    )
    assert reading_problems(other, old) != []
