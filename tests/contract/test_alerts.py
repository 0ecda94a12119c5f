"""Alert rules name metrics that exist, have a runbook, and come out as their test cases say.

The judge of the cases is promtool (Debian's package `prometheus`; on the PATH, or named by TIDEMILL_PROMTOOL). Where
it is not installed, `tests/support/rule_cases.py` judges alone, and a warning says so; where it is, both must agree.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.contract import SCHEMAS
from tests.support.monitoring import program_of
from tests.support.rule_cases import problems, seconds

ROOT = SCHEMAS.parent
RULES = ROOT / "deploy" / "prometheus" / "rules"
FILES = sorted(RULES.glob("*.yml"))
WITHOUT = "promtool is not installed: the alerts' cases are judged by tests/support/rule_cases.py alone. To have both: "
HOW = "apt-get install prometheus, or TIDEMILL_PROMTOOL=/path/to/promtool"


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


def test_every_case_comes_out_as_it_says() -> None:
    for path in FILES:
        assert problems(RULES / "tests" / path.name) == []
        judged = by_promtool(RULES / "tests" / path.name)
        assert judged in ("", None), judged


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
    assert problems(cases)
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


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("promtool", ["check", "config", "deploy/prometheus/prometheus.yml"]),
        ("amtool", ["check-config", "deploy/alertmanager/alertmanager.yml"]),
    ],
)
def test_the_tools_themselves_take_the_shipped_configurations(tool: str, arguments: list[str]) -> None:
    program = program_of(tool)
    if program is None:
        warnings.warn(f"{tool} is not installed: nobody but this file reads {arguments[-1]}", stacklevel=1)
        return
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def by_promtool(cases: Path) -> str | None:
    """What promtool has to say against the cases; empty where they hold. None, with a warning, without promtool."""
    promtool = program_of("promtool")
    if promtool is None:
        warnings.warn(WITHOUT + HOW, stacklevel=2)
        return None
    for command in (["check", "rules", *map(str, cases.parents[1].glob("*.yml"))], ["test", "rules", str(cases)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stdout + done.stderr
    return ""
