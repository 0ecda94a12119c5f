"""Grafana's dashboards are what scripts/boards makes, ask for what there is, and draw the limits of alerts."""

from __future__ import annotations

import doctest
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.contract.checks.metric_names import OTHERS, declared, named
from tests.contract.contract import ROOT
from tests.contract.test_alerts import FILES, all_rules, said_by

sys.path.insert(0, str(ROOT / "scripts"))
from boards import alerts as alert_limits
from boards import files, selectors
from boards.alerts import alerts

WRITTEN = files.written()
BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(text) for path, text in WRITTEN.items()}
RECORDED = {rule["record"] for path in FILES for rule in all_rules(path) if "record" in rule}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What shows something: all but the headings."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def expressions(board: dict[str, Any]) -> list[str]:
    asked = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    return asked + [one["expr"] for one in board.get("annotations", {}).get("list", []) if "expr" in one]


def watchers(panel: dict[str, Any]) -> set[str]:
    """The alerts that watch what a panel shows."""
    return set(re.findall(r"Tidemill\w+", panel["description"]))


def as_asked(expression: str) -> str:
    """As Grafana sends it: its variables are replaced."""
    return re.sub(r"\$\w+", "any", expression.replace("$__rate_interval", "1m"))


def test_what_the_boards_make_has_been_written_and_nothing_else_is_there() -> None:
    there = {path.relative_to(ROOT) for path in (ROOT / files.FOLDER).iterdir()}
    stale = [str(path) for path, text in WRITTEN.items() if path not in there or (ROOT / path).read_text() != text]
    assert stale == [], "run `make dashboards`"
    assert there == WRITTEN.keys()


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_asks_only_for_metrics_that_exist(name: str) -> None:
    known = declared() | RECORDED | OTHERS
    asked = [(one, named(one)) for one in expressions(BOARDS[name])]
    assert asked and all(names for _, names in asked)
    assert [(one, names - known) for one, names in asked if not names <= known] == []
    choices = [one["query"] for one in BOARDS[name]["templating"]["list"] if one["type"] == "query"]
    assert {re.findall(r"label_values\((\w+), \w+\)", query)[0] for query in choices} <= known


@pytest.mark.parametrize("module", [selectors, alert_limits], ids=lambda module: str(module.__name__))
def test_the_examples_of_the_parts_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert tried and not failed


def test_a_metric_that_nobody_has_is_found_on_a_board() -> None:
    one = 'sum by (le) (rate(tidemill_nonsense_total{namespace=~"$namespace"}[$__rate_interval]))'
    assert named(one) == {"tidemill_nonsense_total"} and not named(one) <= declared() | RECORDED | OTHERS


@pytest.mark.needs("promtool")
def test_prometheus_reads_every_expression_of_every_board(tmp_path: Path) -> None:
    asked = [as_asked(one) for board in BOARDS.values() for one in expressions(board)]
    assert len(asked) > 100

    def said(wanted: list[str]) -> str:
        rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(wanted)]
        (tmp_path / "asked.yml").write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
        return said_by("promtool", "check", "rules", str(tmp_path / "asked.yml"))

    assert said(asked) == ""
    assert "parse error" in said([*asked, "sum by (model (up)"])


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_has_a_unit_a_legend_of_labels_that_are_left_and_says_what_it_shows(name: str) -> None:
    for panel in panels(BOARDS[name]):
        assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        for target in panel["targets"]:
            grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            left = {label.strip() for labels in grouped for label in labels.split(",")} - {"le"}
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert target["legendFormat"] and shown <= left, (panel["title"], shown - left)
            assert left <= shown, (panel["title"], left - shown)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_fill_the_grid_without_lying_over_each_other(name: str) -> None:
    seen: dict[tuple[int, int], str] = {}
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cell not in seen, (panel["title"], seen.get(cell))
            seen[cell] = panel["title"]
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(ids) == len(set(ids))


def test_every_alert_is_drawn_on_some_board_and_its_runbook_linked_there() -> None:
    watched: set[str] = set()
    for board in BOARDS.values():
        for panel in panels(board):
            names = watchers(panel)
            watched |= names
            pages = {f"${{handbook}}/{alerts()[name].runbook.removesuffix('.md')}.html" for name in names}
            assert {link["url"] for link in panel.get("links", [])} == pages, panel["title"]
            assert all((ROOT / "docs" / alerts()[name].runbook).exists() for name in names)
    assert alerts().keys() - watched == set(), "name each at a panel of scripts/boards, then `make dashboards`"
    assert watched <= alerts().keys()


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("TidemillErrors", 0.01), ("TidemillSlow", 0.5), ("TidemillDeadLetters", 0.01), ("TidemillLagGrows", 1000),
        ("TidemillDiskFills", 0.1), ("TidemillBudgetBurnsFast", 0.0144), ("TidemillBudgetBurns", 0.006),
        ("TidemillBudgetBurnsSlowly", 0.001), ("TidemillDriftStorm", 20), ("TidemillCertificateEnds", 14),
        ("TidemillDown", 1), ("TidemillReplicasMissing", None),
    ],
)  # fmt: skip
def test_a_panel_draws_the_limit_of_its_alert(name: str, limit: float | None) -> None:
    """The numbers as they are in the rules, so that another reading of these is seen."""
    shown = [panel for board in BOARDS.values() for panel in panels(board) if name in watchers(panel)]
    assert shown
    for panel in shown:
        drawn = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert drawn[0] is None and [pytest.approx(value) for value in drawn[1:]] == [limit][: limit is not None]
