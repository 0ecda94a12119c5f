"""Prometheus alert rules held against their promtool cases where promtool is not installed.

Knows what our rules use and no more: `max|min|sum by (labels) (selector) <comparison> number`, where the selector is a
metric with or without `label="value"`, or, before `> 0` alone, `increase(selector[duration])` (Prometheus extrapolates
it, which changes no sign); `for`; series written as numbers, `_`, `AxN` and `A+BxN`. An
expression or a series that it does not know is a fault, never a pass. Format: Prometheus, "Unit testing for rules".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Samples = dict[int, float]

LOOKBACK_S = 300
_EXPRESSION = re.compile(r"(max|min|sum) by \(([\w, ]+)\) \((.+)\) (==|!=|>=|<=|>|<) (-?[\d.]+)")
_SELECTOR = re.compile(r"(\w+)(?:\{([^{}]*)\})?")
_INCREASE = re.compile(r"increase\(([^\[\]]+)\[(\w+)\]\)")
_SERIES = re.compile(r"(\w+)\{(.*)\}")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_RUN = re.compile(r"(-?[\d.]+)(?:([+-])([\d.]+))?x(\d+)")
_TEMPLATE = re.compile(r"\{\{ *\$labels\.(\w+) *\}\}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGGREGATES: dict[str, Callable[[list[float]], float]] = {"max": max, "min": min, "sum": sum}
_COMPARISONS = {
    "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def samples(text: str, at: int) -> list[tuple[str, Labels, Samples]]:
    """The series of a /metrics page, read at second `at`."""
    families = text_string_to_metric_families(text)
    found = [sample for family in families for sample in family.samples]
    return [(one.name, frozenset(one.labels.items()), {at: one.value}) for one in found]


def judged(rules: Path, series: list[tuple[str, Labels, Samples]], at: int, step: int) -> list[dict[str, str]]:
    """The labels, `alertname` among them, of all alerts of a rule file that fire at second `at`."""
    return [
        {"alertname": rule["alert"], **labels}
        for rule in _rules(rules)
        for labels, _ in _firing(rule, series, at, step)
    ]


def problems(cases: Path) -> list[str]:
    """What does not come out as the cases say, one sentence each."""
    document = yaml.safe_load(cases.read_text(encoding="utf-8"))
    rules = {rule["alert"]: rule for name in document["rule_files"] for rule in _rules(cases.parent / name)}
    step = seconds(document.get("evaluation_interval", "1m"))
    return [problem for test in document["tests"] for problem in _test_problems(rules, test, step)]


def _rules(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def _test_problems(rules: dict[str, dict[str, Any]], test: dict[str, Any], step: int) -> Iterator[str]:
    series = [_series(one, seconds(test["interval"])) for one in test["input_series"]]
    for case in test["alert_rule_test"]:
        at = seconds(case["eval_time"])
        fires = _shown(_firing(rules[case["alertname"]], series, at, step))
        wanted = _shown((one.get("exp_labels") or {}, one.get("exp_annotations") or {}) for one in case["exp_alerts"])
        if fires != wanted:
            yield f"{case['alertname']} at {at} s: {fires} and not {wanted}"


def _shown(alerts: Any) -> list[str]:
    return sorted(f"{sorted(labels.items())} {sorted(annotations.items())}" for labels, annotations in alerts)


def _firing(rule: dict[str, Any], series: list[Any], at: int, step: int) -> Iterator[tuple[dict[str, str], Any]]:
    """Labels and annotations of the alerts that fire: true at every evaluation for as long as `for` asks."""
    waits = seconds(rule.get("for", "0s"))
    times = [at - back for back in range(0, waits + 1, step)]
    if times[-1] < 0:
        return
    true = [_true(rule["expr"], series, moment) for moment in times]
    for group in set.intersection(*true):
        labels = dict(group)
        known = {name: _filled(text, labels) for name, text in rule["annotations"].items()}
        yield {name: value for name, value in labels.items() if value} | rule.get("labels", {}), known


def _filled(template: str, labels: dict[str, str]) -> str:
    return _TEMPLATE.sub(lambda found: labels.get(found[1], ""), template)


def _true(expression: str, series: list[tuple[str, Labels, Samples]], at: int) -> set[Labels]:
    found = _EXPRESSION.fullmatch(expression.strip())
    assert found, f"only promtool can judge {expression!r}"
    aggregate, by, inner, comparison, number = found.groups()
    increase = _INCREASE.fullmatch(inner)
    assert not increase or (comparison, float(number)) == (">", 0), f"only promtool can judge {expression!r}"
    selector = _SELECTOR.fullmatch(increase[1] if increase else inner)
    assert selector, f"only promtool can judge {expression!r}"
    wanted = set(_LABEL.findall(selector[2] or ""))
    window = seconds(increase[2]) if increase else LOOKBACK_S
    names = {name.strip() for name in by.split(",")}
    groups: dict[Labels, list[float]] = {}
    for name, labels, samples in series:
        seen = [samples[moment] for moment in sorted(samples) if at - window < moment <= at]
        if name == selector[1] and wanted <= labels and len(seen) > bool(increase):
            key = frozenset((label, value) for label, value in labels if label in names and value)
            groups.setdefault(key, []).append(_increase(seen) if increase else seen[-1])
    holds = _COMPARISONS[comparison]
    return {key for key, values in groups.items() if holds(_AGGREGATES[aggregate](values), float(number))}


def _increase(values: list[float]) -> float:
    """Of a counter, which begins at zero anew after a restart."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def _series(one: dict[str, str], interval: int) -> tuple[str, Labels, Samples]:
    found = _SERIES.fullmatch(one["series"])
    assert found, f"only promtool can read {one['series']!r}"
    values = [value for token in one["values"].split() for value in _values(token)]
    samples = {place * interval: value for place, value in enumerate(values) if value is not None}
    return found[1], frozenset(_LABEL.findall(found[2])), samples


def _values(token: str) -> list[float | None]:
    if token == "_":
        return [None]
    if run := _RUN.fullmatch(token):
        step = float(run[3] or 0) * (-1 if run[2] == "-" else 1)
        return [float(run[1]) + step * k for k in range(int(run[4]) + 1)]
    return [float(token)]


def seconds(text: str) -> int:
    """A duration as Prometheus writes it, in s."""
    parts = re.findall(r"(\d+)([smhd])", text)
    assert "".join(number + unit for number, unit in parts) == text, f"only promtool can read the duration {text!r}"
    return sum(int(number) * _UNITS[unit] for number, unit in parts)
