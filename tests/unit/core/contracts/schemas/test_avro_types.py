"""What a type is beside null."""

from __future__ import annotations

from typing import Any

import pytest

from tidemill.contracts.schemas.avro_types import beside_null, branches, field_type, is_nullable

TIME = {"type": "long", "logicalType": "timestamp-millis"}


@pytest.mark.parametrize(
    ("node", "nullable", "one", "name"),
    [
        ("string", False, "string", "string"),
        ("null", True, "null", "null"),
        (["null", "double"], True, "double", "double"),
        (["double", "null"], True, "double", "double"),
        (["double"], False, "double", "double"),
        (["null"], True, None, "union"),
        (["null", "int", "string"], True, None, "union"),
        (["int", "string"], False, None, "union"),
        (TIME, False, TIME, "timestamp-millis"),
        (["null", TIME], True, TIME, "timestamp-millis"),
        ({"type": "enum", "name": "nullable", "symbols": ["null"]}, False, ..., "enum"),
        ("nullable_things", False, "nullable_things", "nullable_things"),
    ],
)
def test_a_type_is_nullable_where_it_is_null_or_a_union_with_it(node: Any, nullable: bool, one: Any, name: str) -> None:
    assert is_nullable(node) is nullable
    assert beside_null(node) == (node if one is ... else one)
    assert field_type(node) == (name, nullable)


def test_the_branches_of_a_union_are_its_types_without_null_in_their_order() -> None:
    assert branches(["int", "null", TIME]) == ["int", TIME]
    assert branches(["null"]) == []
