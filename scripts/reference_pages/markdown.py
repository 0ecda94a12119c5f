"""Pieces of Markdown."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

WRITTEN = "<!-- Written by scripts/reference.py (`make reference`); do not edit. -->"


def page(title: str, *parts: str) -> str:
    """A page with its title; parts are paragraphs, tables and headings."""
    return "\n".join([f"# {title}\n", WRITTEN + "\n", *(part.rstrip("\n") + "\n" for part in parts if part)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown, but that a bar or a line's end in them cannot break it."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(cells) for cells in rows)]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """A word in code; nothing where it is empty. A bar in it would end a table's cell."""
    if "|" in text:
        return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"
    return f"`{text}`" if text else ""


def flow(value: Any) -> str:
    """A value as a model file writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:_}" if isinstance(value, int) and abs(value) >= 1_000 else _number(value)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
