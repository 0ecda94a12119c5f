from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.codec.support import (
    EVENT_V1,
    EVENT_V2,
    OTHER,
    Catalog,
    DictRegistry,
    binary,
    confluent,
    event,
    framed,
    record,
)
from tidemill.codec import Codec
from tidemill.codec.plain import parse_plain
from tidemill.codec.registry.client import Entry
from tidemill.errors import ConfigError, DeadLetter, RetryLater

codec = Codec(Catalog(EVENT_V1, EVENT_V2, OTHER))  # type: ignore[arg-type]


def test_a_batch_comes_back_as_it_was_written() -> None:
    values = [framed(EVENT_V1, event(n)) for n in range(100)]
    decoded = codec.decode(values, EVENT_V1)
    assert decoded.bad == []
    assert decoded.index.tolist() == list(range(100))
    assert decoded.rows.schema.field("at").type == pa.timestamp("ms", tz="UTC")
    assert decoded.rows.slice(3, 1).to_pylist() == [
        {**event(3), "at": datetime.fromtimestamp(1_700_000_000.003, tz=UTC)}
    ]
    assert codec.encode(decoded.rows, EVENT_V1) == values


def test_an_empty_batch_has_the_readers_columns() -> None:
    decoded = codec.decode([], EVENT_V1)
    assert decoded.rows.num_rows == 0
    assert decoded.rows.schema.names == EVENT_V1.field_names
    assert codec.encode(decoded.rows, EVENT_V1) == []


@pytest.mark.parametrize(
    ("spoilt", "error_class"),
    [
        (None, "Tombstone"),
        (b"", "EmptyValue"),
        (b"hello, world", "UnknownFormat"),
        (b"\xc3\x01\x00", "UnknownFormat"),
        (b"\x00\x00", "UnknownFormat"),
        (b"\xc3\x01" + b"\x00" * 20, "UnknownSchema"),
        (b"\x00\x00\x00\x00\x07abc", "UnknownSchema"),
        (framed(EVENT_V1, event(1))[:-1], "MalformedRecord"),
        (framed(EVENT_V1, event(1)) + b"\x00", "MalformedRecord"),
        (framed(EVENT_V1, event(1)).replace(b"e1", b"\xff\xfe"), "MalformedRecord"),
        (framed(OTHER, {"event_id": "x"}), "IncompatibleSchema"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_a_spoilt_value_is_told_apart_and_the_rest_is_decoded(spoilt: bytes | None, error_class: str) -> None:
    values = [framed(EVENT_V1, event(0)), spoilt, framed(EVENT_V1, event(2)), framed(EVENT_V1, event(3))]
    decoded = codec.decode(values, EVENT_V1)
    assert [(b.position, b.error_class) for b in decoded.bad] == [(1, error_class)]
    assert decoded.bad[0].message
    assert decoded.index.tolist() == [0, 2, 3]
    assert decoded.rows.column("event_id").to_pylist() == ["e0", "e2", "e3"]


def test_a_batch_in_which_nothing_is_good_has_no_rows() -> None:
    decoded = codec.decode([b"x", None], EVENT_V1)
    assert decoded.rows.num_rows == 0
    assert len(decoded.bad) == 2


def test_records_of_an_earlier_schema_are_read_with_the_current_one_in_order() -> None:
    values = [
        framed(EVENT_V1, event(0)),
        framed(EVENT_V2, event(1, colour="red")),
        b"junk",
        framed(EVENT_V1, event(3)),
    ]
    decoded = codec.decode(values, EVENT_V2)
    assert decoded.index.tolist() == [0, 1, 3]
    assert decoded.rows.column("colour").to_pylist() == ["grey", "red", "grey"]
    assert decoded.rows.schema.field("count").type == pa.int64()
    assert decoded.rows.column("count").to_pylist() == [0, 1, 3]


def test_a_later_schema_is_read_with_an_earlier_one_where_types_allow() -> None:
    narrow = record("Event", [{"name": "event_id", "type": "string"}, {"name": "count", "type": "double"}])
    decoded = Codec(Catalog(EVENT_V2, narrow)).decode([framed(EVENT_V2, event(5, colour="x"))], narrow)  # type: ignore[arg-type]
    assert decoded.rows.to_pylist() == [{"event_id": "e5", "count": 5.0}]


def test_a_schema_that_does_not_resolve_is_bad_record_by_record() -> None:
    changed = record("Event", [{"name": "event_id", "type": "int"}])
    decoded = Codec(Catalog(EVENT_V1, changed)).decode([framed(EVENT_V1, event(5))] * 2, changed)  # type: ignore[arg-type]
    assert [b.error_class for b in decoded.bad] == ["IncompatibleSchema"] * 2


def test_a_writer_with_types_that_columns_do_not_hold_is_resolved_by_row() -> None:
    odd = record(
        "Event",
        [
            {"name": "event_id", "type": "string"},
            {"name": "count", "type": "int"},
            {"name": "x", "type": ["null", "string", "int"]},
        ],
    )
    narrow = record("Event", [{"name": "event_id", "type": "string"}, {"name": "count", "type": "long"}])
    decoded = Codec(
        Catalog(odd, narrow)
    ).decode(  # type: ignore[arg-type]
        [
            framed(odd, {"event_id": "a", "count": 1, "x": "s"}),
            framed(odd, {"event_id": "b", "count": 2, "x": 3})[:-1],
        ],
        narrow,
    )
    assert decoded.rows.to_pylist() == [{"event_id": "a", "count": 1}]
    assert [b.error_class for b in decoded.bad] == ["MalformedRecord"]


def test_a_reader_with_such_types_is_refused_by_name() -> None:
    odd = record("Odd", [{"name": "x", "type": ["null", "string", "int"]}])
    with pytest.raises(ConfigError, match="'Odd'"):
        codec.decode([], odd)


def test_confluent_values_are_resolved_by_id_and_written_with_a_registered_one() -> None:
    registry = DictRegistry({7: EVENT_V1.text})
    with_registry = Codec(Catalog(EVENT_V2), registry)  # type: ignore[arg-type]
    decoded = with_registry.decode(
        [
            confluent(7, EVENT_V1, event(1)),
            framed(EVENT_V2, event(2, colour="red")),
            b"\x00\x00\x00\x00\x09zz",
        ],
        EVENT_V2,
    )
    assert decoded.rows.column("event_id").to_pylist() == ["e1", "e2"]
    assert [(b.position, b.error_class) for b in decoded.bad] == [(2, "UnknownSchema")]
    written = with_registry.encode(decoded.rows, EVENT_V2, topic="events")
    assert written[0] == confluent(8 if 8 in registry.texts else 2, EVENT_V2, event(1, colour="grey"))


def test_nothing_is_bad_while_the_registry_is_away() -> None:
    class Away(DictRegistry):
        def entry(self, schema_id: int) -> Entry | None:
            raise RetryLater("away")

    with pytest.raises(RetryLater):
        Codec(Catalog(EVENT_V1), Away()).decode([confluent(1, EVENT_V1, event(1))], EVENT_V1)  # type: ignore[arg-type]


def test_a_null_where_none_is_admitted_is_refused() -> None:
    rows = codec.decode([framed(EVENT_V1, event(1))], EVENT_V1).rows
    without = rows.set_column(0, "event_id", pa.nulls(1, pa.string()))
    with pytest.raises(ValueError, match="event_id"):
        codec.encode(without, EVENT_V1)


def test_columns_are_found_by_name_whatever_their_width_and_order() -> None:
    rows = pa.record_batch(
        {
            "count": pa.array([1], pa.int64()),
            "event_id": pa.array(["e1"], pa.large_string()),
            "kind": pa.array(["b"]).dictionary_encode(),
            "at": pa.array([1_700_000_000_001], pa.timestamp("ms")),
            "surplus": pa.array([0]),
        }
    )
    assert codec.encode(rows, EVENT_V1) == [framed(EVENT_V1, event(1, amount=None, payload=None))]


def test_one_datum_goes_and_comes_with_milliseconds() -> None:
    value = codec.encode_one(event(4), EVENT_V1)
    assert value == framed(EVENT_V1, event(4))
    assert codec.decode_one(value, EVENT_V1) == event(4)
    assert codec.decode_one(value, EVENT_V2) == event(4, colour="grey")


@pytest.mark.parametrize("value", [None, b"", b"junk", framed(EVENT_V1, event(1))[:-2]])
def test_one_bad_datum_is_a_dead_letter(value: bytes | None) -> None:
    with pytest.raises(DeadLetter):
        codec.decode_one(value, EVENT_V1)


def test_a_datum_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="Event"):
        codec.encode_one({"event_id": 3}, EVENT_V1)


text = st.text(max_size=12)
data = st.fixed_dictionaries(
    {
        "event_id": text,
        "at": st.integers(-(2**40), 2**42),
        "amount": st.none() | st.floats(allow_nan=False),
        "kind": st.sampled_from("ab"),
        "payload": st.none() | st.binary(max_size=12),
        "count": st.integers(-(2**31), 2**31 - 1),
        "tags": st.lists(text, max_size=3),
        "sums": st.dictionaries(text, st.floats(allow_nan=False), max_size=3),
        "inner": st.fixed_dictionaries({"x": st.none() | st.integers(-(2**63), 2**63 - 1), "y": st.booleans()}),
    }
)
WIDE = record(
    "Wide",
    [
        *EVENT_V1.json["fields"],
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "sums", "type": {"type": "map", "values": "double"}},
        {
            "name": "inner",
            "type": {
                "type": "record",
                "name": "Inner",
                "fields": [{"name": "x", "type": ["null", "long"]}, {"name": "y", "type": "boolean"}],
            },
        },
    ],
)


@settings(max_examples=150, deadline=None)
@given(st.lists(data, max_size=5))
def test_columns_and_fastavro_write_the_same_bytes(rows: list[dict[str, Any]]) -> None:
    wide = Codec(Catalog(WIDE))  # type: ignore[arg-type]
    values = [framed(WIDE, row) for row in rows]
    decoded = wide.decode(values, WIDE)
    assert decoded.bad == []
    assert wide.encode(decoded.rows, WIDE) == values


# Arrow holds milliseconds that Python's datetime cannot, so the comparison reads times as plain numbers.
WITHOUT_TIME = parse_plain(EVENT_V1.json)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 59), st.binary(min_size=1, max_size=3))
def test_what_is_decoded_from_rubbish_is_what_fastavro_reads(noise: bytes, at: int, patch: bytes) -> None:
    good = binary(EVENT_V1, event(7))
    spoilt = good[:at] + patch + good[at + len(patch) :]
    for payload in (noise, spoilt):
        value = framed(EVENT_V1, event(0))[:10] + payload
        decoded = codec.decode([value], EVENT_V1)
        if decoded.bad:
            continue
        stream = io.BytesIO(payload)
        read: Any = fastavro.schemaless_reader(stream, WITHOUT_TIME, None)
        assert stream.tell() == len(payload)
        got = decoded.rows.select(["event_id", "kind", "payload", "count"]).to_pylist()[0]
        assert got == {name: read[name] for name in got}
