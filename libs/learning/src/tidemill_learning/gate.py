"""The gate: may the challenger replace the champion?

Both are judged on the newest labelled rows, which neither has been fitted on. The first version has no rival
and must only reach the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidemill_learning.training.metrics import LOWER_IS_BETTER, gain


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and what was found: becomes an ``Evidence`` record of kind ``gate``."""

    rule: str
    metric: str
    statistic: float
    threshold: float
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``passed`` only if every finding did."""

    passed: bool
    findings: tuple[Finding, ...]

    @property
    def reason(self) -> str:
        """One sentence for people."""
        return "; ".join(finding.detail for finding in self.findings)


def judge(
    metric: str,
    challenger: float | None,
    champion: float | None,
    *,
    at_least: float | None,
    better_by: float,
    rows: int,
) -> Verdict:
    """Apply the model file's gate to the two scores on the same ``rows``.

    ``at_least`` is a floor (a ceiling for metrics in which less is better). ``better_by`` is the margin over
    the champion, in units of the metric; 0 lets an equal challenger pass. A metric that the rows do not
    define
    (``challenger`` is ``None``) never passes.
    """
    if challenger is None:
        detail = f"{metric} is not defined on the {rows} newest labelled rows"
        return Verdict(False, (Finding("defined", metric, float(rows), 0.0, False, detail),))
    findings: list[Finding] = []
    if at_least is not None:
        findings.append(_floor(metric, challenger, at_least, rows))
    if champion is not None:
        findings.append(_margin(metric, challenger, champion, better_by, rows))
    return Verdict(all(finding.passed for finding in findings), tuple(findings))


def _floor(metric: str, challenger: float, at_least: float, rows: int) -> Finding:
    passed = gain(metric, challenger, at_least) >= 0
    word = "at most" if metric in LOWER_IS_BETTER else "at least"
    detail = f"{metric} {challenger:.4f}, wanted {word} {at_least:g}, on {rows} rows"
    return Finding("at_least", metric, challenger, at_least, passed, detail)


def _margin(metric: str, challenger: float, champion: float, better_by: float, rows: int) -> Finding:
    found = gain(metric, challenger, champion)
    sides = f"{metric} {challenger:.4f} against the champion's {champion:.4f}"
    detail = f"{sides}, wanted better by {better_by:g}, on {rows} rows"
    return Finding("better_by", metric, found, better_by, found >= better_by, detail)
