"""The short way of reading a JSON row never says anything else than the long one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.contracts.schemas.catalog import Schema, make_schema
from tidemill.json import rows
from tidemill.json.fast_accept import QuickReader
from tidemill.json.values import FieldError

NODE: dict[str, Any] = {
    "type": "record",
    "name": "Test",
    "fields": [
        {"name": "flag", "type": ["null", "boolean"], "default": None},
        {"name": "small", "type": "int", "default": 7},
        {"name": "big", "type": ["long", "null"]},
        {"name": "ratio", "type": "double"},
        {"name": "amount", "type": ["null", "double"], "default": None},
        {"name": "text", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "list", "type": {"type": "array", "items": "int"}, "default": []},
        {"name": "either", "type": ["null", "string", "double"], "default": None},
        {"name": "float", "type": ["null", "float"], "default": None},
    ],
}
NAMES = [field["name"] for field in NODE["fields"]]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**53, 2**53 + 1, -(2**63), 2**63, 10**400, 253_402_300_800_000, 1_700_000_000_000]),
    st.floats(),
    st.sampled_from([1.0, 1e308, 5e-324]),
    st.text(max_size=4),
    st.sampled_from(["2026-11-01T09:30:00Z", "2026-11-01T09:30:00", "\ud800"]),
    st.lists(st.integers(0, 2), max_size=2),
    st.builds(dict),
)
GOOD = {
    "big": st.none() | st.integers(-(2**63), 2**63 - 1),
    "ratio": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**54), 2**54),
    "text": st.text(),
    "at": st.integers(-1, 10**12) | st.just("2026-11-01T09:30:00+01:00"),
}
ROWS = st.dictionaries(st.sampled_from([*NAMES, "unknown"]), VALUES) | st.fixed_dictionaries(
    GOOD, optional={name: VALUES for name in NAMES if name not in GOOD}
)


def reading(schema: Schema, row: Mapping[str, Any]) -> dict[str, Any]:
    return rows.from_json(row, schema)


def outcome(convert: Any, row: Mapping[str, Any]) -> str:
    """The datum, with its order and types, or the errors, as text."""
    try:
        return repr(convert(row))
    except FieldError as error:
        return f"errors: {error.errors}"


@pytest.fixture(scope="module")
def ways() -> tuple[Any, Any]:
    """Both ways together, as `from_json` goes, and the long one alone."""
    with pytest.MonkeyPatch.context() as patch:
        both, long = (partial(reading, make_schema(name, NODE)) for name in ("both", "long"))
        outcome(both, {})
        patch.setattr(rows, "QuickReader", lambda node, converters: lambda row: None)
        outcome(long, {})  # what a schema needs is made once, at its first row
        return both, long


@settings(deadline=None)
@given(row=ROWS)
def test_a_row_comes_out_the_same_with_and_without_the_short_way(ways: tuple[Any, Any], row: dict[str, Any]) -> None:
    both, long = ways
    assert outcome(both, row) == outcome(long, row)


def test_plain_rows_do_go_the_short_way() -> None:
    quick = QuickReader(NODE, rows.field_converters(make_schema("test", NODE)))
    datum = quick({"at": 5, "text": "a", "ratio": 1, "big": None, "float": 0.5})
    assert datum == dict.fromkeys(NAMES) | {
        "small": 7, "ratio": 1.0, "text": "a", "at": 5, "list": [], "float": 0.5,
    }  # fmt: skip
    assert datum is not None and list(datum) == NAMES
    assert quick({"at": 5, "ratio": 1, "big": None}) is None
