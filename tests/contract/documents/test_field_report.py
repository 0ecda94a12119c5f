"""The report of what the field found names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NAMED = re.compile(r"(tests/[\w/]+\.py|[\w]+\.py)?(?:::(test_\w+))?")


def missing(text: str) -> list[str]:
    """Files and functions of tests that the report's last column names and that are not there."""
    found = []
    for row in (line for line in text.splitlines() if line.startswith("| ")):
        path: Path | None = None
        for file, name in NAMED.findall(row.rsplit(" | ", 1)[-1]):
            if file:
                path = ROOT / file if file.startswith("tests/") or path is None else path.parent / file
            if path is not None and (file or name) and not _there(path, name):
                found.append(f"{file or path.name}::{name}")
    return found


def _there(path: Path, name: str) -> bool:
    return path.exists() and f"def {name}" in path.read_text(encoding="utf-8")


def test_every_test_that_the_report_names_exists() -> None:
    assert missing((ROOT / "docs/field-report.md").read_text(encoding="utf-8")) == []


def test_a_test_that_does_not_exist_is_found() -> None:
    assert missing("| a | b | tests/contract/documents/test_field_report.py::test_nothing |\n") != []
    assert missing("| a | b | tests/contract/documents/test_field_report.py, test_readme.py |\n") == []
