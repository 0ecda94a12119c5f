"""Alert rules name metrics that exist, have a runbook, and come out as their test cases say.

promtool judges the cases (Debian's package `prometheus`; on the PATH, or named by TIDEMILL_PROMTOOL).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.contract import SCHEMAS
from tests.support.processes.programs import program

ROOT = SCHEMAS.parent
RULES = ROOT / "deploy" / "prometheus" / "rules"
FILES = sorted(RULES.glob("*.yml"))
_UNITS = {"s": 1, "m": 60, "h": 3600}


def rules(path: Path) -> list[dict[str, object]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_alert_says_what_is_wrong_and_has_a_runbook_that_names_it() -> None:
    assert FILES
    for path in FILES:
        for rule in rules(path):
            notes = rule["annotations"]
            assert isinstance(notes, dict) and set(notes) == {"summary", "description", "runbook"}, rule["alert"]
            assert f"`{rule['alert']}`" in (ROOT / notes["runbook"]).read_text(encoding="utf-8"), notes["runbook"]


def test_every_metric_in_a_rule_is_declared_by_a_service() -> None:
    declared = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("*/*/src/**/metrics.py"))
    for path in FILES:
        for rule in rules(path):
            for name in re.findall(r"tidemill_\w+", str(rule["expr"])):
                assert f'"{name}"' in declared, f"{path.name}: nobody has {name}"


def test_every_alert_has_a_test_case_that_sees_it_fire_and_rest() -> None:
    for path in FILES:
        cases = yaml.safe_load((RULES / "tests" / path.name).read_text(encoding="utf-8"))["tests"]
        expected = [case for test in cases for case in test["alert_rule_test"]]
        for rule in rules(path):
            mine = [bool(case["exp_alerts"]) for case in expected if case["alertname"] == rule["alert"]]
            assert True in mine and False in mine, rule["alert"]


@pytest.mark.needs("promtool")
def test_every_case_comes_out_as_it_says() -> None:
    for path in FILES:
        assert by_promtool(RULES / "tests" / path.name) == ""


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("tidemill_validator_paused) == 1", "tidemill_validator_paused) == 2"),
        ("max by (model, role) (tidemill_validator_paused", "min by (model, role) (tidemill_validator_paused"),
        ("max by (model, role) (tidemill_validator_paused", "max by (model) (tidemill_validator_paused"),
        ("tidemill_validator_window_broken)", "tidemill_validator_broken)"),
        ("{severity: critical}", "{severity: warning}"),
        ("is paused:", "stopped:"),
        ("- alert: TidemillValidatorPaused", "- for: 10s\n        alert: TidemillValidatorPaused"),
    ],
)
def test_a_rule_that_was_spoilt_is_found_by_its_cases(tmp_path: Path, was: str, now: str) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    path, cases = tmp_path / "rules" / "validator.yml", tmp_path / "rules" / "tests" / "validator.yml"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, now), encoding="utf-8")
    assert by_promtool(cases) != ""


def test_an_alert_on_a_swap_is_told_within_five_seconds_of_its_event() -> None:
    """By the shipped intervals, each waited out in full; with real processes: tests/broker/inference."""
    (job,) = [
        job for job in configuration("prometheus/prometheus.yml")["scrape_configs"] if job["job_name"] == "inference"
    ]
    (group,) = configuration("prometheus/rules/inference.yml")["groups"]
    (route,) = configuration("alertmanager/alertmanager.yml")["route"]["routes"]
    (matcher,) = route["matchers"]
    pattern = re.fullmatch(r'alertname=~"(.+)"', matcher)
    assert pattern and set(route["group_by"]) == {"alertname", "model", "reason"}
    for rule in group["rules"]:
        assert re.fullmatch(pattern[1], rule["alert"]), f"{rule['alert']} is held back"
        until_true = 2 if "seconds) > 2" in rule["expr"] else 0
        for wait in ("group_wait", "group_interval"):
            waits = (job["scrape_interval"], group["interval"], rule.get("for", "0s"), route[wait])
            assert until_true + sum(seconds(text) for text in waits) <= 5, (rule["alert"], wait)


def configuration(path: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / path).read_text(encoding="utf-8"))


@pytest.mark.needs("promtool")
def test_prometheus_takes_the_shipped_configuration() -> None:
    assert said_by("promtool", "check", "config", "deploy/prometheus/prometheus.yml") == ""


@pytest.mark.needs("amtool")
def test_alertmanager_takes_the_shipped_configuration() -> None:
    assert said_by("amtool", "check-config", "deploy/alertmanager/alertmanager.yml") == ""


def by_promtool(cases: Path) -> str:
    """What promtool has to say against the cases and their rules; empty where they hold."""
    rules_said = said_by("promtool", "check", "rules", *map(str, cases.parents[1].glob("*.yml")))
    return rules_said or said_by("promtool", "test", "rules", str(cases))


def said_by(tool: str, *arguments: str) -> str:
    """What a tool prints where it does not agree; empty where it does."""
    done = subprocess.run([program(tool), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def seconds(duration: str) -> int:
    """A duration as our rules write it, such as 5s."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
