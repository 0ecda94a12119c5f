"""Terraform's files as data: the blocks of a module, without quotes and comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "terraform"
MODULES = tuple(sorted(path.parent.name for path in FOLDER.glob("*/variables.tf")))
"""A module for each cloud."""


@dataclass(frozen=True)
class Block:
    """A resource or a data source: `kind` is resource or data, `address` is TYPE.NAME."""

    kind: str
    type: str
    name: str
    body: dict[str, Any]

    @property
    def address(self) -> str:
        """As Terraform names it in its plans."""
        return f"{self.type}.{self.name}"

    def at(self, path: str) -> list[Any]:
        """All values at a dotted path; a block that stands there several times gives several."""
        found: list[Any] = [self.body]
        for key in path.split("."):
            inner = (one[key] for one in found if isinstance(one, dict) and key in one)
            found = [item for value in inner for item in (value if _is_blocks(value) else [value])]
        return found


def parsed(text: str) -> list[Block]:
    """The resources and data sources of one file's text."""
    content = _plain(hcl2.loads(text))
    return [
        Block(kind, type_, name, body)
        for kind in ("resource", "data")
        for entry in content.get(kind, [])
        for type_, named in entry.items()
        for name, body in named.items()
    ]


@cache
def module(name: str) -> tuple[Block, ...]:
    """All resources and data sources of a module."""
    return tuple(block for path in sorted((FOLDER / name).glob("*.tf")) for block in parsed(path.read_text()))


@cache
def local_values(name: str) -> dict[str, Any]:
    """What a module's `locals` say; an expression is its text in `${…}`."""
    files = (_plain(hcl2.loads(path.read_text())) for path in sorted((FOLDER / name).glob("*.tf")))
    return {key: value for content in files for entry in content.get("locals", []) for key, value in entry.items()}


def statements(document: Block) -> Iterator[dict[str, Any]]:
    """The statements of an aws_iam_policy_document, dynamic ones too."""
    yield from document.at("statement")
    for dynamic in document.at("dynamic"):
        if "statement" in dynamic:
            yield from dynamic["statement"]["content"]


def _is_blocks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items() if not str(key).startswith("__")}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, str) and len(node) > 1 and node[0] == node[-1] == '"':
        return node[1:-1]
    return node
