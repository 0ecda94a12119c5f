"""Every key of the model file, from its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tidemill.contracts.model_file.vocabulary as words
from reference_pages.markdown import code, flow, page, table
from tidemill.contracts.model_file.json_schema import model_file_schema
from tidemill.contracts.model_file.units import UNITS

Node = dict[str, Any]

INTRODUCTION = """One YAML file in `models/` is a model. [A project of one's own](../project.md) says where it \
stands, [A model from a file](../a-model-from-a-file.md) how one is written from a sample. Durations (`500ms`, `90s`, \
`10m`, `12h`, `7d`, `2w`) are of event time where nothing else is said. Editors complete keys by \
`schemas/model-file.schema.json`, of which this page is made. An unknown key is an error, with its line and the \
nearest known one."""
EXPECTATIONS = """Under `expectations`, a list. Names and arguments are Great Expectations' own. `severity` is \
`critical`, `warning` or `info`. A rule about rows is `critical` where nothing is said: a row that breaks it is set \
aside. With `mostly` (the share of rows that must meet it) it is judged by window, as the rules about windows are: \
over a span of event time (`over`, `1d` where nothing is said), and then `warning` where nothing is said; `critical` \
pauses the model's events."""

KINDS = {"integer": "whole number", "string": "text", "boolean": "`true`, `false`"}


def written() -> str:
    """The page."""
    schema = model_file_schema()
    rows = list(_rows(schema, ""))
    return page(
        "The model file",
        INTRODUCTION,
        table(["key", "type", "default", "meaning"], rows),
        "## Features",
        table(["kind", "written", "what the model sees"], _features()),
        "## Expectations",
        EXPECTATIONS,
        table(["expectation", "about", "arguments (those in brackets may be left out)"], _expectations()),
        "## Normalise",
        table(["step", "what it does"], _steps()),
    )


def _rows(section: Node, prefix: str) -> Iterator[tuple[str, ...]]:
    for name, key in section["properties"].items():
        needed = name in section.get("required", ())
        inner = "properties" in key
        default = code(flow(key["default"])) if "default" in key else ("**required**" if needed else "–")
        told = code(flow(key["examples"][0]))
        meaning = f"{key['description']} Such as {told}"
        yield code(prefix + name), "section" if inner else type_of(key), default, meaning
        if inner:
            yield from _rows(key, f"{prefix}{name}.")


def type_of(node: Node) -> str:
    """What a value may be, in words."""
    if "enum" in node:
        return ", ".join(code(str(one)) for one in node["enum"] if not isinstance(one, bool))
    for several in ("anyOf", "oneOf"):
        if several in node:
            return " or ".join(dict.fromkeys(type_of(one) for one in node[several] if not _is_written_number(one)))
    if node.get("type") == "array":
        items = node.get("items", {})
        return "list of " + (type_of(items) if "oneOf" not in items else "expectations")
    if node.get("type") == "object":
        return "mapping"
    return _scalar(node)


def _is_written_number(node: Node) -> bool:
    """A whole number with underscores, which is text to some editors."""
    return node.get("pattern") == "^[0-9](_?[0-9])*$"


def _scalar(node: Node) -> str:
    pattern = str(node.get("pattern", ""))
    if "(ms|s|m|h|d|w)" in pattern:
        return "duration"
    if pattern.endswith(r"%\s*$"):
        return "percentage"
    if " in " in pattern or "a|an|per" in pattern:
        return "rate"
    least = node.get("minimum")
    above = f" above {node['exclusiveMinimum']}" if "exclusiveMinimum" in node else ""
    kind = {"integer": "whole number", "string": "text", "boolean": "`true`, `false`"}.get(
        node.get("type", ""), "number"
    )
    return kind + above + (f" from {least}" if least is not None else "")


def _features() -> list[tuple[str, ...]]:
    return [
        ("category", "`carrier: category`", "the text, or yes and no; a missing one is a category of its own"),
        (
            "number",
            "`distance: number`, or `distance: {number: {missing: zero}}`",
            f"the number; a missing one is the median of what was learned from, or what `missing` says: "
            f"{', '.join(map(code, words.MISSING))}",
        ),
        (
            "time",
            "`scheduled_at: {time: [hour, weekday], zone: America/New_York}`",
            f"parts of the clock and calendar in that zone: {', '.join(map(code, words.PARTS))}",
        ),
    ]


def _expectations() -> Iterator[tuple[str, ...]]:
    kinds = (
        ("a row", words.ROW_EXPECTATIONS),
        ("a row and those before it", words.UNIQUE_EXPECTATIONS),
        ("a window", words.WINDOW_EXPECTATIONS),
    )
    for about, known in kinds:
        for name, arguments in known.items():
            told = (f"[`{one}`]" if one in words.OPTIONAL_ARGUMENTS else code(one) for one in arguments)
            yield code(name), about, ", ".join(told)


def _steps() -> list[tuple[str, str]]:
    return [
        ("`trim`, `collapse`", "takes white space away at both ends; makes every run of it one space"),
        ("`lower`, `upper`", "small or capital letters"),
        ("`{unit: {from: mi, to: km}}`", f"another unit of the same kind: {', '.join(map(code, UNITS))}"),
        ("`{multiply: 0.001}`, `{offset: -273.15}`", "arithmetic"),
        ("`{map: {NYC: JFK}, other: null}`", "categories to others or to null; with `other`, all that are not named"),
    ]
