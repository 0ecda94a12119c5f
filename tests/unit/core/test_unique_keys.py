"""Each key of an object once, however it is written; else the place of the second one."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.json.unique_keys import loads

SOME = ["a", "b", ":", '"', '":', '\\":', " :", "{", "}", "é", "\U0001f30a", ""]
TEXTS = st.sampled_from(SOME) | st.text(st.characters(codec="utf-8"), max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(TEXTS, inner), max_size=3).map(tuple),
    max_leaves=8,
)
"""An object is a tuple of pairs, so that it may have a key twice."""
COLONS = st.sampled_from([":", ": ", " : ", "\n:\t"])


def written(value: Any, colon: str, ascii_only: bool) -> str:
    if isinstance(value, tuple):
        pairs = (json.dumps(k, ensure_ascii=ascii_only) + colon + written(v, colon, ascii_only) for k, v in value)
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(one, colon, ascii_only) for one in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def has_twice(value: Any) -> bool:
    if isinstance(value, tuple):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(has_twice(one) for _, one in value)
    return isinstance(value, list) and any(has_twice(one) for one in value)


@given(VALUES, COLONS, st.booleans())
def test_exactly_text_with_a_key_twice_is_refused_and_all_other_is_read_as_by_orjson(
    value: Any, colon: str, ascii_only: bool
) -> None:
    text = written(value, colon, ascii_only).encode()
    if has_twice(value):
        with pytest.raises(orjson.JSONDecodeError, match="stands twice"):
            loads(text)
    else:
        assert loads(text) == orjson.loads(text)


def test_the_place_is_that_of_the_second_one() -> None:
    with pytest.raises(orjson.JSONDecodeError) as refused:
        loads('{"é": {"a": 1},\n "a": 2, "b": "a", "\\u0061": 3}'.encode())
    assert (refused.value.lineno, refused.value.colno) == (2, 20)
    assert refused.value.msg.startswith("the key 'a' stands twice in one object")


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": NaN}', b"[1,]", b'{"a": "\xff"}'])
def test_what_is_not_json_is_refused_as_before(text: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        loads(text)


def test_text_as_deep_as_orjson_takes_it_is_looked_at_to_its_end() -> None:
    deep = b'{"a" :' * 1_000
    assert loads(deep + b"1" + b"}" * 1_000).keys() == {"a"}
    with pytest.raises(orjson.JSONDecodeError, match="stands twice"):
        loads(deep + b'{"b":1,"b":2}' + b"}" * 1_000)
