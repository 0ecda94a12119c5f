"""What a model file does to fields: the same in columns and in rows, and only what changes is said to change."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.contracts.model_file import PrivacyRule, Step
from tidemill.contracts.model_file.units import UNITS, conversion
from tidemill.errors import ConfigError
from tidemill.rows.field_rules import (
    HASH_CHARACTERS,
    FieldRules,
    HiddenRecords,
    masked,
    normalised,
    normalised_record,
    privacy_rule,
    read_privacy_key,
)
from tidemill.rows.memo import Remembering

KEY = b"0123456789abcdef"
TEXT_STEPS = st.sampled_from(
    [
        Step("trim"),
        Step("lower"),
        Step("upper"),
        Step("collapse"),
        Step("map", mapping=(("NYC", "JFK"), ("x", None))),
        Step("map", mapping=(("a", "A"),), other="?", closed=True),
    ]
)
LINEAR = st.builds(lambda f, o: Step("linear", factor=f, offset=o), st.floats(-9, 9), st.floats(-9, 9))
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["NYC", " a ", "ß", "İ", "x"])


def column(values: list[Any], kind: pa.DataType, rules: FieldRules) -> tuple[list[Any], list[bool]]:
    rows = pa.RecordBatch.from_arrays([pa.array(values, kind)], names=["f"])
    made, changed = rules.apply(rows)
    return made.column(0).to_pylist(), changed.tolist()


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.none() | WORDS, max_size=12), steps=st.lists(TEXT_STEPS, min_size=1, max_size=3))
def test_text_is_normalised_the_same_in_a_column_and_in_a_row(values: list[Any], steps: list[Step]) -> None:
    rules = FieldRules.normalising({"f": tuple(steps)})
    made, changed = column(values, pa.string(), rules)
    assert made == [normalised(value, tuple(steps)) for value in values]
    assert changed == [a != b for a, b in zip(values, made, strict=True)]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.none() | st.floats(allow_nan=False), max_size=12), steps=st.lists(LINEAR, min_size=1, max_size=3)
)
def test_numbers_are_normalised_the_same_in_a_column_and_in_a_row(values: list[Any], steps: list[Step]) -> None:
    made, _ = column(values, pa.float64(), FieldRules.normalising({"f": tuple(steps)}))
    rows = [normalised(value, tuple(steps)) for value in values]
    assert [str(value) for value in made] == [str(value) for value in rows]


def test_a_column_that_does_not_change_is_the_same_array() -> None:
    rows = pa.RecordBatch.from_arrays([pa.array(["UA", None])], names=["f"])
    made, changed = FieldRules.normalising({"f": (Step("upper"),)}).apply(rows)
    assert made is rows
    assert not changed.any()


@pytest.mark.parametrize(
    ("source", "target", "value", "becomes"),
    [
        ("mi", "km", 1.0, 1.609344),
        ("F", "C", 212.0, 100.0),
        ("C", "F", -40.0, -40.0),
        ("percent", "fraction", 5.0, 0.05),
    ],
)
def test_units_are_converted(source: str, target: str, value: float, becomes: float) -> None:
    factor, offset = conversion(source, target)
    assert value * factor + offset == pytest.approx(becomes)


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_a_conversion_there_and_back_changes_nothing(a: str, b: str, value: float) -> None:
    if UNITS[a][0] != UNITS[b][0]:
        with pytest.raises(ValueError, match="is a"):
            conversion(a, b)
        return
    there, back = conversion(a, b), conversion(b, a)
    assert (value * there[0] + there[1]) * back[0] + back[1] == pytest.approx(value, abs=1e-6)


def test_a_hash_is_keyed_and_the_same_everywhere() -> None:
    rule = privacy_rule(PrivacyRule("hash"), KEY)
    wanted = hmac.new(KEY, b"N14228", hashlib.sha256).hexdigest()[:HASH_CHARACTERS]
    assert rule("N14228") == wanted
    rules = FieldRules.hiding({"f": PrivacyRule("hash")}, frozenset(), KEY)
    assert column(["N14228", None, "N14228"], pa.string(), rules) == ([wanted, None, wanted], [True, False, True])


def test_a_hash_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TIDEMILL_PRIVACY_KEY_FILE"):
        FieldRules.hiding({"f": PrivacyRule("hash")}, frozenset(), None)
    assert read_privacy_key(None) is None
    short = tmp_path / "key"
    short.write_bytes(b"short\n")
    with pytest.raises(ConfigError, match="has 5 bytes: it needs at least 16"):
        read_privacy_key(short)
    with pytest.raises(ConfigError, match="cannot read"):
        read_privacy_key(tmp_path / "none")
    short.write_bytes(KEY + b"\n")
    assert read_privacy_key(short) == KEY


@pytest.mark.parametrize(("text", "keep", "becomes"), [("4111222", 4, "***1222"), ("123", 4, "***"), ("ab", 0, "**")])
def test_a_mask_keeps_the_end_but_never_the_whole(text: str, keep: int, becomes: str) -> None:
    assert masked(text, keep) == becomes


@pytest.mark.parametrize(
    ("kind", "value", "zero"),
    [
        (pa.string(), "a", ""),
        (pa.int32(), 7, 0),
        (pa.float64(), 1.5, 0.0),
        (pa.bool_(), True, False),
        (pa.binary(), b"x", b""),
    ],
)
def test_a_dropped_value_is_null_or_the_zero_of_its_type(kind: pa.DataType, value: Any, zero: Any) -> None:
    dropped = {"f": PrivacyRule("drop")}
    assert column([value, None], kind, FieldRules.hiding(dropped, frozenset(), None)) == ([None, None], [True, False])
    assert column([value], kind, FieldRules.hiding(dropped, frozenset({"f"}), None)) == ([zero], [True])


def test_a_dropped_time_that_must_be_there_is_the_epoch() -> None:
    times = pa.array([5], pa.timestamp("ms", "UTC"))
    rows = pa.RecordBatch.from_arrays([times], names=["f"])
    made, changed = FieldRules.hiding({"f": PrivacyRule("drop")}, frozenset({"f"}), None).apply(rows)
    assert made.column(0).cast(pa.int64()).to_pylist() == [0]
    assert changed.tolist() == [True]


def test_a_record_is_normalised_field_by_field_and_left_alone_without_rules() -> None:
    record = {"carrier": " ua", "distance": 1.0, "dest": None}
    rules = {"carrier": (Step("trim"), Step("upper")), "dest": (Step("upper"),), "gone": (Step("trim"),)}
    assert normalised_record(record, rules) == {"carrier": "UA", "distance": 1.0, "dest": None}
    assert normalised_record(record, {}) is record


AVRO = {
    "text": "string", "text_or_null": ["null", "string"], "whole": "long", "number": ["double", "null"],
    "flag": "boolean", "raw": "bytes", "at": {"type": "long", "logicalType": "timestamp-millis"},
}  # fmt: skip
ARROW = {
    "text": pa.string(), "text_or_null": pa.string(), "whole": pa.int64(), "number": pa.float64(), "flag": pa.bool_(),
    "raw": pa.binary(), "at": pa.timestamp("ms", "UTC"),
}  # fmt: skip
REQUIRED = frozenset({"text", "whole", "flag", "raw", "at"})
TEXT_RULES = st.sampled_from(
    [PrivacyRule("drop"), PrivacyRule("hash"), PrivacyRule("mask", keep_last=4), PrivacyRule("mask")]
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("text", "text_or_null"), TEXT_RULES),
        **{name: st.just(PrivacyRule("drop")) for name in ("whole", "number", "flag", "raw", "at")},
    },
)
RECORDS = st.fixed_dictionaries(
    {
        "text": WORDS, "text_or_null": st.none() | WORDS, "whole": st.integers(-(2**63), 2**63 - 1),
        "number": st.none() | st.floats(allow_nan=False), "flag": st.booleans(), "raw": st.binary(max_size=4),
        "at": st.integers(0, 4_102_444_800_000),
    }
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(records=st.lists(RECORDS, min_size=1, max_size=6), rules=RULES)
def test_a_record_is_hidden_as_the_columns_of_a_batch_are(records: list[Any], rules: dict[str, PrivacyRule]) -> None:
    rows = pa.RecordBatch.from_pylist(records, schema=pa.schema(list(ARROW.items())))
    in_columns, _ = FieldRules.hiding(rules, REQUIRED, KEY).apply(rows)
    hidden = HiddenRecords(rules, AVRO, KEY)

    at = in_columns.schema.get_field_index("at")
    in_columns = in_columns.set_column(at, "at", in_columns.column(at).cast(pa.int64()))
    assert [hidden.apply(record) for record in records] == in_columns.to_pylist()
    assert hidden.fields == frozenset(rules)


def test_hiding_records_needs_neither_arrow_nor_polars() -> None:
    code = (
        "import sys, tidemill.rows.field_rules; print([m for m in ('pyarrow', 'polars', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@given(texts=st.lists(st.sampled_from("abcdefgh"), max_size=60))
def test_a_function_that_remembers_answers_as_it_would_without(texts: list[str]) -> None:
    asked: list[str] = []

    def upper(text: str) -> str | None:
        asked.append(text)
        return None if text == "h" else text.upper()

    remembering = Remembering(upper, 3)
    assert [remembering(text) for text in texts] == [None if text == "h" else text.upper() for text in texts]
    assert len(remembering) <= 6
    before = len(asked)
    for text in texts[-1:]:
        remembering(text)
    assert len(asked) == before
    together: list[str | None] = [None, *texts, None]
    wanted = [None if text in ("h", None) else str(text).upper() for text in together]
    assert Remembering(upper, 3).many(together) == remembering.many(together) == wanted


@given(texts=st.lists(st.none() | st.text(max_size=6), max_size=8), keep=st.integers(0, 4), start=st.integers(0, 2))
def test_a_mask_of_a_column_is_that_of_each_value(texts: list[str | None], keep: int, start: int) -> None:
    rows = pa.record_batch({"x": pa.array(texts, pa.string())}).slice(start)
    made, _ = FieldRules.hiding({"x": PrivacyRule("mask", keep)}, frozenset(), None).apply(rows)
    wanted = [None if text is None else masked(text, keep) for text in texts[start:]]
    assert made.column("x").to_pylist() == wanted
