"""Whether an Avro binary is exactly one record: no byte over, no whole number beyond the width of its type.

Decoders take a number of up to ten bytes and keep the lowest 32 or 64 bits of it, so that 3,000,000,000 in an `int`
becomes another number. This reader keeps nothing: it only walks. It is for the few records that columns leave in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

INT_BITS = 32
LONG_BITS = 64
LONGEST_VARINT = 10
DEEPEST = 200
"""Levels of nesting; more is no record that anybody wrote on purpose."""
FREE_PARTS = 100_000
"""Values beyond one for each byte: what takes no byte (null, an empty record) costs its writer nothing, in an array's
count or in types that name each other over and over.
"""
_FIXED = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def check_exact(payload: bytes, schema: Any) -> None:
    """Raise ValueError unless `payload` is one record of `schema`, as fastavro parses it: with full names."""
    walker = _Walker(payload, dict(_named_types(schema)))
    walker.walk(schema, 0)
    if walker.at != len(payload):
        raise ValueError(f"{len(payload) - walker.at} bytes left over behind the record")


class _Walker:
    def __init__(self, payload: bytes, named: Mapping[str, Any]) -> None:
        self._payload = payload
        self._named = named
        self.at = 0
        self._left = FREE_PARTS + len(payload)

    def walk(self, node: Any, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("it claims more values than its bytes can tell of")
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels deep")
        if isinstance(node, list):
            self.walk(_picked(node, self._whole(LONG_BITS), "union"), depth + 1)
            return
        if isinstance(node, str):
            self._plain_or_named(node, depth)
            return
        kind = node["type"]
        if isinstance(kind, (list, dict)):
            self.walk(kind, depth)
            return
        self._typed(kind, node, depth)

    def _typed(self, kind: str, node: Mapping[str, Any], depth: int) -> None:
        if kind in ("record", "error"):
            for field in node["fields"]:
                self.walk(field["type"], depth + 1)
        elif kind == "enum":
            _picked(node["symbols"], self._whole(INT_BITS), "enum")
        elif kind == "fixed":
            self._skip(node["size"])
        elif kind in ("array", "map"):
            self._blocks(node["items" if kind == "array" else "values"], kind == "map", depth)
        else:
            self._plain_or_named(kind, depth)

    def _plain_or_named(self, kind: str, depth: int) -> None:
        if kind in _FIXED:
            self._skip(_FIXED[kind])
        elif kind == "int":
            self._whole(INT_BITS)
        elif kind == "long":
            self._whole(LONG_BITS)
        elif kind in ("string", "bytes"):
            self._skip(self._whole(LONG_BITS))
        else:
            self.walk(self._named[kind], depth + 1)

    def _blocks(self, item: Any, keyed: bool, depth: int) -> None:
        while count := self._whole(LONG_BITS):
            if count < 0:
                self._whole(LONG_BITS)  # the block's length in bytes
                count = -count
            if count > self._left:
                raise ValueError(f"an array or a map claims {count:,} items, more than its bytes can tell of")
            for _ in range(count):
                if keyed:
                    self._skip(self._whole(LONG_BITS))
                self.walk(item, depth + 1)

    def _skip(self, size: int) -> None:
        if size < 0 or size > len(self._payload) - self.at:
            raise ValueError("cut short")
        self.at += size

    def _whole(self, bits: int) -> int:
        found = shift = 0
        for byte in self._payload[self.at : self.at + LONGEST_VARINT]:
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                self.at += shift // 7
                if found >> bits:
                    raise ValueError(f"a whole number of more than {bits} bits")
                return (found >> 1) ^ -(found & 1)
        raise ValueError("cut short, or a whole number of more than ten bytes")


def _named_types(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list):
        for branch in node:
            yield from _named_types(branch)
    elif isinstance(node, dict):
        if "name" in node:
            yield str(node["name"]), node
        for field in node.get("fields", ()):
            yield from _named_types(field["type"])
        for part in ("type", "items", "values"):
            if part in node:
                yield from _named_types(node[part])


def _picked(choices: Any, index: int, what: str) -> Any:
    if not 0 <= index < len(choices):
        raise ValueError(f"number {index} of {len(choices)} choices of a {what}")
    return choices[index]
