"""What a check has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`ok`; `warn`: works, and should be looked at; `fail`: will not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    check: str
    verdict: Verdict
    text: str
    todo: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, Verdict.OK, text)


def warn(check: str, text: str, todo: str = "") -> Finding:
    return Finding(check, Verdict.WARN, text, todo)


def fail(check: str, text: str, todo: str = "") -> Finding:
    return Finding(check, Verdict.FAIL, text, todo)


def exit_code(findings: Iterable[Finding]) -> int:
    """1 where anything fails; warnings do not count."""
    return int(any(finding.verdict is Verdict.FAIL for finding in findings))
