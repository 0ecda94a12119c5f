"""What alerts say, out of their rules: boards draw the same limits, and link the same runbooks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/rules"
_COMPARED = re.compile(r"(==|>=?|<=?) (\d[\d.]*(?: \* \d[\d.]*)*)")


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert: `runbook` is its path in docs; it fires where what is shown lies above `above` or below `below`. Both
    are None where it compares two metrics.
    """

    name: str
    summary: str
    severity: str
    runbook: str
    above: float | None
    below: float | None


def alert(name: str) -> Alert:
    """The alert of this name. Raises KeyError."""
    return alerts()[name]


@lru_cache
def alerts() -> dict[str, Alert]:
    """All, by name."""
    documents = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yml")))
    rules = (rule for document in documents for group in document["groups"] for rule in group["rules"])
    return {rule["alert"]: _read(rule) for rule in rules if "alert" in rule}


def _read(rule: dict[str, Any]) -> Alert:
    above, below = limits(rule["expr"])
    notes = rule["annotations"]
    runbook = notes["runbook"].removeprefix("docs/")
    return Alert(rule["alert"], notes["summary"], rule["labels"]["severity"], runbook, above, below)


def limits(expression: str) -> tuple[float | None, float | None]:
    """What an expression first compares with: above which number, or below which, it is true.

    A number times a vector is a share of it. What is `== 1` is true above anything less, and `== 0` below 1.

    >>> limits("rate(a[5m]) / rate(b[5m]) > 14.4 * 0.001 and c > 5"), limits("up == 0")
    ((0.0144, None), (None, 1.0))
    """
    found = _COMPARED.search(expression)
    if found is None:
        return None, None
    number = float(math.prod(map(Decimal, found[2].split(" * "))))
    if found[1] == "==":
        return (number, None) if number else (None, 1.0)
    return (number, None) if found[1].startswith(">") else (None, number)
