"""Quality reports added up, in a terminal and on a page."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from tidemill_cli.rendering.quality_charts import Point, bars, binned, line
from tidemill_cli.rendering.quality_html import page
from tidemill_cli.rendering.quality_table import show
from tidemill_expectations import InSet, Suite, Unique, Windowed, build
from tidemill_operations.quality.collect import Quality, collect
from tidemill_operations.quality.reading import HIDDEN, Example, shown_fields

HOUR_MS = 3_600_000
MEAN = build("expect_column_mean_to_be_between", {"column": "x", "min_value": 5}, over=timedelta(hours=1))
assert isinstance(MEAN, Windowed)
EVENTS = Suite((InSet("origin", frozenset({"<b>"})),), (Unique("id", timedelta(days=1)),), (MEAN,))
ORIGIN = ("expect_column_values_to_be_in_set", "origin", "value_set=[<b>]")


def report(number: int, hour: int = 0, **over: Any) -> dict[str, Any]:
    name, column, arguments = ORIGIN
    failed = {"expectation": name, "column": column, "arguments": arguments, "severity": "critical", "failed": 2,
              "examples": [number * 10, number * 10 + 1]}  # fmt: skip
    summary = {"column": "x", "count": 8, "missing": 0, "total": 8.0 * number, "low": 0.0, "high": 9.0,
               "sketch": None, "hashes": None}  # fmt: skip
    return {
        "report_id": f"m-raw/0/{number}", "model": "m", "topic": "m-raw", "partition": 0, "rows": 10, "clean": 8,
        "dead": 2, "expectations": [failed], "at": 1_000 * number, "newest_event": hour * HOUR_MS,
        "windows": [{"over_ms": HOUR_MS, "started_at": hour * HOUR_MS, "rows": 8, "columns": [summary], "mostly": [],
                     "filled": []}], **over,
    }  # fmt: skip


@pytest.fixture
def quality() -> Quality:
    reports = [report(1), report(2, 1), report(9, 3), report(2, 1), report(3, model="other"), report(4, topic="?")]
    return collect("m", {"m-raw": EVENTS, "m-labels-raw": Suite(())}, reports, 4 * HOUR_MS)


def test_reports_add_up_and_a_repeat_counts_once(quality: Quality) -> None:
    events = quality.events
    assert (events.rows, events.clean, events.dead) == (30, 24, 6)
    assert events.counts[ORIGIN].failed == 6
    assert events.counts[ORIGIN].examples == [(0, 21), (0, 90), (0, 91)]
    assert (quality.first_ms, quality.last_ms) == (1_000, 9_000)


def test_expectations_that_were_always_met_are_told_too(quality: Quality) -> None:
    assert [count.failed for count in quality.events.ordered()] == [6, 0]


def test_only_complete_windows_are_broken(quality: Quality) -> None:
    assert [(j.start_ms // HOUR_MS, j.verdict.observed) for j in quality.broken] == [(0, "1"), (1, "2")]


def test_the_terminal_shows_counts_and_windows(quality: Quality) -> None:
    out = io.StringIO()
    show(Console(file=out, width=200), quality)
    assert "m-raw  30 rows, 24 clean, 6 dead (20.00%)" in out.getvalue()
    assert re.search(r"column_values_to_be_in_set +origin .* critical +6 +20.000%", out.getvalue())
    assert re.search(r"column_mean_to_be_between +x +min_value=5 +warning +2 +2 ", out.getvalue())


class Tags(HTMLParser):
    """Collects elements and what they refer to, and checks that they are closed."""

    VOID = ("meta", "br", "rect", "path", "circle", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.refers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.refers += [name for name, _ in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(quality: Quality) -> None:
    examples = {("m-raw", *ORIGIN): [Example("m-raw/0/90", (("origin", "<script>"), ("name", HIDDEN)))]}
    text = page(quality, examples, {"name": "hash"})
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.refers == []
    assert "script" not in tags.seen
    assert "url(" not in text and "@import" not in text
    assert "&lt;script&gt;" in text and "value_set=[&lt;b&gt;]" in text
    assert "2 of 2 windows outside" in text
    assert "prefers-color-scheme:dark" in text and 'name="viewport"' in text


def test_a_page_about_nothing_yet_says_so() -> None:
    empty = collect("m", {"m-raw": EVENTS, "m-labels-raw": Suite(())}, [], 0)
    assert "There are no quality reports yet." in page(empty, {}, {})


def test_personal_fields_are_hidden_in_examples() -> None:
    record = {"id": "e1", "name": "Ada", "x": None}
    found = shown_fields(record, ["id", "name", "x", "gone"], frozenset({"name"}))
    assert found == (("id", "e1"), ("name", HIDDEN), ("x", "null"))
    assert shown_fields("not readable, 9 bytes", ["id"], frozenset()) == (("", "not readable, 9 bytes"),)


def test_charts_of_nothing_are_empty_and_bins_keep_every_count() -> None:
    assert bars([], []) == line([], None, None) == line([Point(None, None, "")], 1, 2) == ""
    assert sum(binned([(0, 1), (50, 2), (100, 3)], 0, 100)) == 6
    assert sum(binned([(5, 1)], 5, 5)) == 1
