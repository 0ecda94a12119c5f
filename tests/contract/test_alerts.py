"""Alert rules name metrics that exist, and each has its test case; promtool runs them where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.contract.contract import SCHEMAS

ROOT = SCHEMAS.parent
RULES = ROOT / "deploy" / "prometheus" / "rules"
FILES = sorted(RULES.glob("*.yml"))


def rules(path: Path) -> list[dict[str, object]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    assert FILES
    for path in FILES:
        for rule in rules(path):
            assert set(rule["annotations"]) >= {"summary", "description"}, rule["alert"]


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


def test_promtool_agrees_where_it_is_installed() -> None:
    promtool = shutil.which("promtool")
    for path in FILES if promtool else ():
        cases = RULES / "tests" / path.name
        done = subprocess.run([str(promtool), "test", "rules", str(cases)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
