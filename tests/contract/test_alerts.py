"""Alert rules name metrics and jobs that exist, have a runbook, and come out as their test cases say.

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

from tests.contract.checks.metric_names import OTHERS, declared, named
from tests.contract.contract import SCHEMAS
from tests.support.processes.programs import program

ROOT = SCHEMAS.parent
RULES = ROOT / "deploy" / "prometheus" / "rules"
KUBERNETES = ROOT / "deploy" / "kubernetes"
FILES = sorted(RULES.glob("*.yml"))
_UNITS = {"s": 1, "m": 60, "h": 3600}


def all_rules(path: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def rules(path: Path) -> list[dict[str, Any]]:
    """Those that alert."""
    return [rule for rule in all_rules(path) if "alert" in rule]


def test_every_alert_says_what_is_wrong_and_has_a_runbook_that_names_it() -> None:
    assert FILES
    for path in FILES:
        for rule in rules(path):
            notes = rule["annotations"]
            assert isinstance(notes, dict) and set(notes) == {"summary", "description", "runbook"}, rule["alert"]
            assert f"`{rule['alert']}`" in (ROOT / notes["runbook"]).read_text(encoding="utf-8"), notes["runbook"]


def test_every_metric_in_a_rule_is_declared_by_a_service() -> None:
    recorded = {rule["record"] for path in FILES for rule in all_rules(path) if "record" in rule}
    known = declared() | recorded | OTHERS
    for path in FILES:
        for rule in all_rules(path):
            names = named(rule["expr"])
            assert names, rule
            assert names <= known, f"{path.name}: nobody has {names - known}"


@pytest.mark.parametrize(
    ("was", "now"),
    [("http_requests_total", "http_request_total"), ("http_request_errors_total", "http_request_errors"),
     ("seconds_bucket", "seconds_buckets"), ("histogram_quantile", "quantile_of")],
)  # fmt: skip
def test_a_metric_that_nobody_has_is_found_whatever_it_is_called(was: str, now: str) -> None:
    expressions = [rule["expr"] for rule in rules(RULES / "http.yml") if was in rule["expr"]]
    assert expressions
    for expression in expressions:
        assert named(expression) <= declared()
        assert not named(expression.replace(was, now)) <= declared()


def test_every_process_of_ours_is_of_a_job_that_the_alerts_on_processes_and_requests_know() -> None:
    """In Kubernetes a job is called as its workload (`jobLabel`)."""
    (down,) = [rule["expr"] for rule in rules(RULES / "machine.yml") if rule["alert"] == "TidemillDown"]
    known = re.search(r'job=~"([^"]+)"', down)
    assert known
    scraped = {job["job_name"] for job in configuration("prometheus/prometheus.yml")["scrape_configs"]}
    monitors = yaml.safe_load_all((KUBERNETES / "components/monitoring/scrape.yaml").read_text(encoding="utf-8"))
    assert {monitor["spec"]["jobLabel"] for monitor in monitors} == {"app.kubernetes.io/name"}
    assert set(known[1].split("|")) == scraped | workloads()
    asked = {
        job for path in ("http.yml", "slo.yml") for job in re.findall(r'job=~"([^"]+)"', (RULES / path).read_text())
    }
    assert asked == {"ingest|inference|serve"}


def test_the_least_replicas_that_an_alert_compares_with_are_those_of_serve_and_three_in_production() -> None:
    scaled = yaml.safe_load((KUBERNETES / "components/autoscaling/serve.yaml").read_text(encoding="utf-8"))
    assert (scaled["metadata"]["name"], scaled["spec"]["minReplicaCount"]) == ("serve", 3)
    (rule,) = [rule for rule in rules(RULES / "machine.yml") if rule["alert"] == "TidemillTooFewReplicas"]
    assert f'horizontalpodautoscaler="keda-hpa-{scaled["metadata"]["name"]}"' in rule["expr"]


def test_every_alert_has_a_test_case_that_sees_it_fire_and_rest() -> None:
    for path in FILES:
        cases = yaml.safe_load((RULES / "tests" / path.name).read_text(encoding="utf-8"))["tests"]
        expected = [case for test in cases for case in test["alert_rule_test"]]
        for rule in rules(path):
            mine = [bool(case["exp_alerts"]) for case in expected if case["alertname"] == rule["alert"]]
            assert True in mine and False in mine, rule["alert"]


@pytest.mark.needs("promtool")
def test_every_case_comes_out_as_it_says() -> None:
    assert by_promtool(*(RULES / "tests" / path.name for path in FILES)) == ""


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
    assert pattern and {"alertname", "model", "reason"} <= set(route["group_by"])
    for rule in group["rules"]:
        assert re.fullmatch(pattern[1], rule["alert"]), f"{rule['alert']} is held back"
        until_true = 2 if "seconds) > 2" in rule["expr"] else 0
        for wait in ("group_wait", "group_interval"):
            waits = (job["scrape_interval"], group["interval"], rule.get("for", "0s"), route[wait])
            assert until_true + sum(seconds(text) for text in waits) <= 5, (rule["alert"], wait)


def workloads() -> set[str]:
    """The names of ours in Kubernetes, but for the Job of a release, which nobody scrapes."""
    texts = [path.read_text(encoding="utf-8") for path in (KUBERNETES / "base").glob("*.yaml")]
    return {found[1] for text in texts if (found := re.search(r"app\.kubernetes\.io/name: ([a-z-]+)", text))} - {
        "release"
    }


def configuration(path: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / path).read_text(encoding="utf-8"))


@pytest.mark.needs("promtool")
def test_prometheus_takes_the_shipped_configuration() -> None:
    assert said_by("promtool", "check", "config", "deploy/prometheus/prometheus.yml") == ""


@pytest.mark.needs("amtool")
def test_alertmanager_takes_the_shipped_configuration() -> None:
    assert said_by("amtool", "check-config", "deploy/alertmanager/alertmanager.yml") == ""


@pytest.mark.needs("amtool")
def test_the_example_receivers_can_take_the_place_of_the_shipped_one_and_have_their_secrets_in_files(
    tmp_path: Path,
) -> None:
    shipped, example = (
        configuration("alertmanager/alertmanager.yml"),
        configuration("alertmanager/receivers.example.yml"),
    )
    assert [receiver["name"] for receiver in example["receivers"]] == [one["name"] for one in shipped["receivers"]]
    (receiver,) = example["receivers"]
    assert {"slack_configs", "email_configs", "webhook_configs"} <= set(receiver)
    text = yaml.safe_dump(shipped | example)
    assert re.findall(r"(?:password|credentials|api_url|token): \S+", text) == []
    (tmp_path / "alertmanager.yml").write_text(text)
    assert said_by("amtool", "check-config", str(tmp_path / "alertmanager.yml")) == ""


def by_promtool(*cases: Path) -> str:
    """What promtool has to say against cases of one folder and its rules; empty where they hold."""
    rules_said = said_by("promtool", "check", "rules", *map(str, cases[0].parents[1].glob("*.yml")))
    return rules_said or said_by("promtool", "test", "rules", *map(str, cases))


def said_by(tool: str, *arguments: str) -> str:
    """What a tool prints where it does not agree; empty where it does."""
    done = subprocess.run([program(tool), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def seconds(duration: str) -> int:
    """A duration as our rules write it, such as 5s."""
    return int(duration[:-1]) * _UNITS[duration[-1]]
