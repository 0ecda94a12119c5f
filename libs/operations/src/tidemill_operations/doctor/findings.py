"""What a check has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """`ok`; `warn`: works, and should be looked at; `fail`: will not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    check: str
    status: Status
    text: str
    todo: str = ""

    def to_dict(self) -> dict[str, str]:
        """As JSON has it, where the status has the name that it had at first."""
        return {"check": self.check, "verdict": self.status.value, "text": self.text, "todo": self.todo}


def ok(check: str, text: str) -> Finding:
    return Finding(check, Status.OK, text)


def warn(check: str, text: str, todo: str = "") -> Finding:
    return Finding(check, Status.WARN, text, todo)


def fail(check: str, text: str, todo: str = "") -> Finding:
    return Finding(check, Status.FAIL, text, todo)


def exit_code(findings: Iterable[Finding]) -> int:
    """1 where anything fails; warnings do not count."""
    return int(any(finding.status is Status.FAIL for finding in findings))
