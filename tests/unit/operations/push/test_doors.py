"""The same value gives the same record, or none, whichever door it comes through."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.sources.support import batch
from tidemill.client.errors import InvalidRows
from tidemill.client.flows.forms import InstanceForm, PushForm
from tidemill.client.rows.columns import settled
from tidemill.client.rows.values import FieldTypes
from tidemill.codec import Codec
from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ExternalSource
from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.json.row_forms import RowForm
from tidemill.json.rows import FieldError
from tidemill.sources.formats.json_text import JsonText
from tidemill.sources.reader import SourceReader
from tidemill_inference.rest.arrow_cast import as_record
from tidemill_inference.rest.request_checks import InvalidInstances
from tidemill_ingest.bodies import read_items
from tidemill_ingest.records import Target
from tidemill_ingest.records import convert as ingest
from tidemill_operations.push.convert import DEFAULT, convert, record_fields
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.reading import read_chunks

REFUSED = "refused"
TIME = {"type": "long", "logicalType": "timestamp-millis"}
TYPES: dict[str, Any] = {
    "text": "string",
    "int": "int",
    "long": "long",
    "double": "double",
    "flag": "boolean",
    "at": TIME,
}


def schema_of(kind: str) -> Schema:
    fields = [{"name": "id", "type": "string"}, {"name": "x", "type": ["null", TYPES[kind]]}]
    return make_schema("r", {"type": "record", "name": "R", "fields": fields})


def plain(column: Any) -> Any:
    column = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return column.to_pylist()[0]


class _Catalog:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def writer(self, fingerprint: bytes) -> Schema:
        return self.schema


class _Clock:
    def now_ms(self) -> int:
        return 1_790_000_000_000


def by_rest(value: Any, kind: str) -> Any:
    schema = schema_of(kind)
    codec = Codec(_Catalog(schema))  # type: ignore[arg-type]
    body = json.dumps({"id": "a", "x": value}).encode() + b"\n" + json.dumps({"id": "b"}).encode()
    items = read_items(body, "application/x-ndjson", 10)
    done = ingest(items, Target("m", "raw", "t", RowForm(schema, "id", "id")), codec, _Clock())  # type: ignore[arg-type]
    if done.refusals:
        return REFUSED
    return codec.decode_one(done.records[0].value, schema)["x"]


def by_file(name: str, write: Callable[[Path], object], kind: str, choices: Choices) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        (chunk,) = read_chunks(path, 10, choices)
    fields = record_fields(schema_of(kind).json["fields"])
    frame, errors = convert(chunk.frame, chunk.lines, fields, choices, written=chunk.written)
    if errors or chunk.errors:
        return REFUSED
    return plain(frame["x"].to_arrow())


def by_jsonl(value: Any, kind: str, choices: Choices = DEFAULT) -> Any:
    line = json.dumps({"id": "a", "x": value})
    return by_file("a.jsonl", lambda path: path.write_text(line + "\n"), kind, choices)


def by_parquet(value: Any, kind: str, choices: Choices = DEFAULT) -> Any:
    table = pa.table({"id": ["a"], "x": pa.array([value])})
    return by_file("a.parquet", lambda path: pq.write_table(table, path), kind, choices)


def by_csv(text: str | None, kind: str, choices: Choices = DEFAULT) -> Any:
    def write(path: Path) -> None:
        with path.open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerow(["id", "x"])
            file.write("a," + ("" if text is None else '"' + text.replace('"', '""') + '"') + "\n")

    return by_file("a.csv", write, kind, choices)


def by_arrow(value: Any, kind: str) -> Any:
    schema = schema_of(kind)
    layout = layout_of(schema.json)
    assert layout is not None
    try:
        rows = as_record(pa.record_batch({"id": ["a"], "x": pa.array([value])}), layout.arrow, schema, {})
    except InvalidInstances:
        return REFUSED
    return plain(rows.column("x"))


def by_client(value: Any, kind: str) -> Any:
    """What a client's check makes of a value, and what ingest makes of what it sends: the same."""
    form = PushForm.of(RowForm(schema_of(kind), "id", "id"))
    try:
        sent, found = form.read({"id": "a", "x": value}, None)
    except FieldError:
        return REFUSED
    assert by_rest(sent["x"], kind) == found.datum["x"]
    return found.datum["x"]


def by_clients_table(value: Any, kind: str) -> Any:
    schema = schema_of(kind)
    form = InstanceForm(schema, FieldTypes(schema), ("id", "id"))
    try:
        return plain(settled(pa.table({"id": ["a"], "x": pa.array([value])}), form).column("x"))
    except InvalidRows:
        return REFUSED


def by_source(value: Any, kind: str, count: int = 1) -> Any:
    schema = schema_of(kind)
    source = ExternalSource(topic="ops", format="json")
    reader = SourceReader(source, schema, JsonText(), event_id="id", event_time="none", entity="id")
    decoded = reader.decode(batch(*[json.dumps({"id": "a", "x": value}).encode()] * count))
    return REFUSED if decoded.bad else plain(decoded.rows.column("x"))


WHOLE = [0, 1, -1, 5, 2_026, 20_758, 20_261_101, 2**24 + 1, 2**31 - 1, 2**31, -(2**31) - 1, 1_761_955_200, 2**53,
         2**53 + 1, -(2**53) - 1, 1_700_000_000_123, 1234567890123456789,
         20_261_101_093_000, 2**63 - 1, -(2**63)]  # fmt: skip
TEXTS = ["", " ", " ja", "NA", "null", "None", "5", "05", "true", "1", "x\x00y", 'a "q" b', "Zürich", "2026-11-01",
         "2026-11-01T09:30:00", "2026-11-01T09:30:00Z", "2026-11-01T09:30:00.123456+05:30", "9999-12-31T23:59:59-05:00",
         "0001-01-01T00:00:00Z", "01/11/2026", "1969-07-20T20:17:00Z"]  # fmt: skip
FLOATS = [1.0, 0.1, -0.0, 1e300, 5e-324, 2.0**53, 2.0**53 + 2, 1e18, 1.7e12]
VALUES = st.one_of(
    st.none(), st.booleans(), st.sampled_from(WHOLE), st.integers(-(2**63), 2**63 - 1), st.sampled_from(FLOATS),
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(TEXTS),
    st.text(st.characters(codec="utf-8"), max_size=4),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(VALUES, st.sampled_from(sorted(TYPES)))
def test_typed_doors_say_the_same_of_every_value(value: Any, kind: str) -> None:
    wanted = by_rest(value, kind)
    for door in (by_jsonl, by_parquet, by_arrow, by_source, by_client, by_clients_table):
        assert door(value, kind) == wanted, door.__name__
    assert by_source(value, kind, count=20) == wanted


@settings(deadline=None, max_examples=100)
@given(VALUES, st.sampled_from(sorted(TYPES)))
def test_csv_says_the_same_of_every_value_that_it_can_write(value: Any, kind: str) -> None:
    written = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else value
    written = str(written) if isinstance(written, int) else written
    if isinstance(value, str) == (kind in ("text", "at")) and not isinstance(value, float | bool) | (kind == "flag"):
        assert by_csv(written, kind) in (by_rest(value, kind), _as_nothing(written, kind))
    if isinstance(value, int | float) and kind in ("int", "long", "double", "at") and not isinstance(value, bool):
        assert by_csv(written, kind) == by_rest(value, kind) or kind == "at"
    if isinstance(value, bool) and kind == "flag":
        assert by_csv(written, kind) is value


def _as_nothing(written: Any, kind: str) -> Any:
    """What CSV has no other way to leave out: an empty time; and its text may be digits that are a time."""
    text = str(written).strip()
    return None if kind == "at" and text in ("", "NA", "null", "None") else by_rest(int(text), kind) if (
        kind == "at" and text.isascii() and text.lstrip("+-").isdigit()
    ) else by_rest(text, kind) if kind == "at" else object()  # fmt: skip


@pytest.mark.parametrize("word", ["NA", "null", "None", " ja", "nan"])
def test_a_word_is_text_where_text_is_wanted_and_missing_only_where_that_is_said(word: str) -> None:
    for door in (by_csv, by_jsonl, by_parquet, by_rest, by_arrow, by_source, by_client, by_clients_table):
        assert door(word, "text") == word
    said = Choices(null_words=frozenset({word}))
    assert by_jsonl(word, "text", said) is None
    assert by_parquet(word, "text", said) is None
    assert by_csv(word, "text", said) == word  # it is quoted


def test_nan_is_missing_in_columns_and_no_json() -> None:
    nan = float("nan")
    assert by_parquet(nan, "double") is None
    assert by_parquet(nan, "text") is None
    assert by_arrow(nan, "double") is by_client(nan, "double") is by_clients_table(nan, "double") is None
    assert by_csv("NaN", "double") is None
    assert by_rest(nan, "double") == by_jsonl(nan, "double") == by_source(nan, "double") == REFUSED


MS = 1_793_525_400_000
"""2026-11-01T09:30:00Z"""
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "choices", "millis"),
    [
        ("01/11/2026 09:30", Choices(date_format="%d/%m/%Y %H:%M"), REFUSED),
        ("01/11/2026 10:30", Choices(date_format="%d/%m/%Y %H:%M", timezone=BERLIN), MS),
        ("2026-11-01 10:30", Choices(timezone=BERLIN), MS),
        ("2026-10-25 02:30", Choices(timezone=BERLIN), REFUSED),
        ("2026-03-29 02:30", Choices(timezone=BERLIN), REFUSED),
        ("20261101", Choices(date_format="%Y%m%d", timezone=ZoneInfo("UTC")), MS - 34_200_000),
        (str(MS // 1000), Choices(time_unit="s"), MS),
        ("1761955200", Choices(time_unit="ms"), 1_761_955_200),
    ],
)  # fmt: skip
def test_what_is_said_of_times_is_believed(text: str, choices: Choices, millis: Any) -> None:
    assert by_csv(text, "at", choices) == millis
    if not text.isdigit():
        assert by_jsonl(text, "at", choices) == millis
        assert by_parquet(text, "at", choices) == millis


@pytest.mark.parametrize(
    ("text", "number"), [("1,5", 1.5), ("1.5", REFUSED), ("1.234,5", REFUSED), ("-1,0e3", -1000.0)]
)
def test_a_decimal_comma_is_read_where_it_is_said_and_then_alone(text: str, number: Any) -> None:
    assert by_csv(text, "double", Choices(decimal_comma=True)) == number
    assert by_csv("1,5", "double") == REFUSED


def test_values_of_typed_files_are_read_as_text_where_that_is_said() -> None:
    said = Choices(as_text=True)
    assert (by_jsonl("5", "long", said), by_parquet(1, "flag", said), by_jsonl(5.0, "text", said)) == (5, True, REFUSED)
    assert by_jsonl("5", "long") == by_parquet(1, "flag") == REFUSED
