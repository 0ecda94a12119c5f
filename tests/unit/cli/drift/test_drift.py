"""A model's drift in a terminal, as JSON and on one page."""

from __future__ import annotations

import io
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.drift_profiles import MINUTE_MS, REFERENCE, answers, category, features, profile, scores
from tests.support.processes.programs import program
from tidemill_cli.rendering.drift.page import page
from tidemill_cli.rendering.drift.rows import HIDDEN, as_dict
from tidemill_cli.rendering.drift.table import show
from tidemill_learning.drift.report.picture import Picture
from tidemill_operations.drift.history import Alarm, Ask, History, Measured, Release
from tidemill_operations.drift.job import Report

EVIL = "</style><script>alert(1)</script>"


def measured(window: int, version: int, value: float, source: str = "stream", **metrics: float) -> Measured:
    start = window * 10 * MINUTE_MS
    return Measured(start, start + 10 * MINUTE_MS, source, version, "champion", 500, {"roc_auc": value, **metrics},
                    {"roc_auc": 0.7})  # fmt: skip


@pytest.fixture(scope="module")
def report() -> Report:
    profiles = [*(features(k, moved=k > 5) for k in range(9)), *(scores(k, 1 if k < 5 else 2) for k in range(9)),
                *(answers(k, 1 if k < 5 else 2, worse=k > 5) for k in range(8))]  # fmt: skip
    rest = [profile("features", 3, 500, rest=True, features=(category("region", [EVIL] * 500),)),
            *(scores(k, 2, low=0.6, high=0.9, rest=True) for k in range(3))]  # fmt: skip
    picture = Picture(REFERENCE, version=2, width=1)
    for one in (*profiles, *rest):
        picture.add(one)
    alarms = [Alarm(70 * MINUTE_MS, "stream", "feature", "psi", "region", 1.2, 0.3, 2, "most of all bin 2 of 3")]
    asks = [
        Ask(50 * MINUTE_MS, "a", "manual", "jo", (EVIL,), None, "accepted", "manual: all rules allow it",
            "version 2, gate passed: better", 2),
        Ask(70 * MINUTE_MS, "b", "quality", "drift", ("worse",), 61 * MINUTE_MS, "refused", "cooldown: 0.3 h after", "",
            None),
        Ask(80 * MINUTE_MS, "c", "quality", "drift", ("worse",), None, "refused", "cooldown: 0.5 h after", "", None),
    ]  # fmt: skip
    releases = [Release(None, 0, 1, "promoted", 1, 1, "gate", "the first"),
                Release(52 * MINUTE_MS, 9, 2, "promoted", 2, 2, "gate", "better")]  # fmt: skip
    windows = [measured(k, 1 if k < 5 else 2, 0.7 if k < 6 else 0.5, accuracy=0.7) for k in range(8)]
    history = History(tuple(alarms), tuple(asks), tuple(releases), tuple(windows))
    return Report(model="loan", task="binary", metric="roc_auc", version=2, reference=REFERENCE,
                  sources={name: one for name, one in picture.sources.items() if not one.is_empty},
                  hidden=frozenset(), history=history, profiles=30, unread=1)  # fmt: skip


def shown(report: Report) -> str:
    out = io.StringIO()
    show(Console(file=out, width=300), report)
    return out.getvalue()


def test_the_terminal_says_what_moved_what_it_cost_and_what_was_done(report: Report) -> None:
    told = shown(report)
    assert "loan: version 2 learned from 2,000 rows of 1970-01-01 00:00 to 1970-01-01 01:40 UTC" in told
    assert re.search(r"stream: 1 window, 500 records of 1970-01-01 01:20", told)
    assert re.search(r"amount +shifted +\d\.\d+ +KS 0\.\d+ +< 0.0001 +499.* 5\d\d|amount +shifted", told)
    assert "quality: roc_auc 0.5 on 500 labels up to 1970-01-01 01:20, 0.7 was measured after training" in told
    assert re.search(
        r"before labels: accuracy 0\.7\d\d is expected of .* labelled predictions of version 2 accuracy", told
    )
    assert "3 requests, 1 accepted, 2 refused (cooldown 2):" in told
    assert "quality by drift; refused: cooldown: 0.5 h after" in told
    assert "1 records on the topic of profiles cannot be read" in told


def test_the_whole_report_is_json(report: Report) -> None:
    told = json.loads(json.dumps(as_dict(report), allow_nan=False))
    assert [one["name"] for one in told["sources"]["stream"]["features"] if one["level"] == "shifted"] != []
    assert told["sources"]["stream"]["predictions"]["test"]["name"] == "chi-square"
    assert told["sources"]["rest"]["promise"] is None
    assert [ask["admission"] for ask in told["asks"]] == ["accepted", "refused", "refused"]


def test_personal_values_are_not_shown_anywhere(report: Report) -> None:
    private = replace(report, hidden=frozenset({"region"}))
    rendered = (shown(private), page(private), json.dumps(as_dict(private)["sources"]))
    assert all("north" not in text and "south" not in text for text in rendered)
    assert HIDDEN in rendered[0] and HIDDEN in rendered[1]


def test_a_model_without_profiles_says_so(report: Report) -> None:
    bare = replace(report, sources={}, history=History((), (), (), ()))
    assert "no profiles are there" in shown(bare) and "No profiles are there" in page(bare)


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(report: Report) -> None:
    made = page(report)
    assert "://" not in made and "<script" not in made and "url(" not in made
    assert made.count("</style>") == 1 and "&lt;script&gt;" in made
    assert made.count('<line class="refused"') > 2
    assert "prefers-color-scheme:dark" in made


@pytest.mark.needs("chromium")
def test_a_browser_without_internet_shows_the_page(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "drift.html"
    path.write_text(page(report), encoding="utf-8")
    shown_page = subprocess.run(
        [
            program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'browser'}",
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert "Drift of loan" in shown_page and "What REST clients asked" in shown_page
    assert shown_page.count('<svg class="courses"') == 5
    assert shown_page.count('<svg class="plot"') == 1
    assert "refused: cooldown: 0.5 h after" in shown_page
