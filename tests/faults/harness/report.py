"""The report for people. What ran takes the place of what it said before: the rest of the report stays as it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_HEAD = """# Fault report

Written by `make faults-full` (tests/faults/harness/report.py), never by hand. Every row ran real processes against a
real broker; a run in which the fault did not bite fails. Run one again with its seed:
`TIDEMILL_FAULTS_SEED=SEED make faults-full ARGS='-k 03'`; it takes the place of what stands here.

| # | fault | limits | result | lost | double | s | seed |
|---|---|---|---|---|---|---|---|
"""
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| .*\|$", re.MULTILINE)
_SECTION = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)

Key = tuple[int, str]
"""A fault's number, and its name with its variant."""


def updated(earlier: str, parts: list[dict[str, Any]], setting: str) -> str:
    """The report `earlier` (empty: none), with the faults `parts` as they are now; `setting`: what they ran on."""
    rows: dict[Key, str] = {(int(found[1]), found[2]): found[0] for found in _ROW.finditer(earlier)}
    sections = _sections(earlier)
    for part in parts:
        key = part["id"], part["name"] + (f" ({part['variant']})" if part["variant"] else "")
        rows[key], sections[key] = _row(key, part), _section(key, part, setting)
    table = "\n".join(rows[key] for key in sorted(rows))
    return "\n\n".join([_HEAD + table, *(sections[key] for key in sorted(sections))]) + "\n"


def _sections(text: str) -> dict[Key, str]:
    found = list(_SECTION.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return {
        (int(match[1]), match[2]): text[match.start() : end].rstrip() for match, end in zip(found, ends, strict=False)
    }


def _row(key: Key, part: dict[str, Any]) -> str:
    result = "holds" if part["passed"] else "**not tried**" if "not_run" in part["figures"] else "**does not hold**"
    cells = (*key, part["limit"], result, part["lost"], part["duplicated"], part["seconds"], part["seed"])
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _section(key: Key, part: dict[str, Any], setting: str) -> str:
    lines = [f"## {key[0]}. {key[1]}", "", f"- ran: {datetime.now(UTC):%Y-%m-%d}, seed {part['seed']}, on {setting}"]
    lines += [f"- {name}: {value}" for name, value in part["figures"].items()]
    lines += ["", "```", *part["history"], "```"] if part["history"] else []
    return "\n".join(lines)
