"""What a run of the faults leaves behind: var/faults/report.json and, of the full sizes, docs/fault-report.md."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

SUITE = Path(__file__).resolve().parents[1]
SHORT, FULL = "short", "full"
PACKAGES = ("confluent-kafka", "aiokafka", "onnxruntime", "pyarrow", "polars", "pyruhvro")


def mode() -> str:
    """Which sizes are asked for."""
    return FULL if os.environ.get("TIDEMILL_FAULTS") == FULL else SHORT


def size(short: int, full: int) -> int:
    """A size by form."""
    return full if mode() == FULL else short


def holds_all(arguments: Sequence[str], folder: Path) -> bool:
    """Whether pytest's `arguments`, given in `folder`, take in every fault: the suite's folder, or those above it."""
    return all(SUITE.is_relative_to((folder / argument).resolve()) for argument in arguments)


@dataclass
class Fault:
    """One fault under test. `figures` and `history` are filled by the test."""

    id: int
    name: str
    seed: int
    limit: str = ""
    variant: str = ""
    passed: bool = False
    lost: int = 0
    duplicated: int = 0
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def note(self, what: str) -> None:
        """An entry of the history, with the seconds since the beginning."""
        self.history.append(f"{time.monotonic() - self.began:.1f} s: {what}")

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "variant": self.variant,
            "limit": self.limit,
            "passed": self.passed,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "seconds": round(self.seconds, 1),
            "seed": self.seed,
            "figures": self.figures,
            "history": self.history,
        }


def told(faults: list[Fault], *, partly: bool) -> str:
    """What one of several processes says of the faults that it has run, to the one that writes the report; `partly`:
    some were left out.
    """
    return json.dumps({"faults": [fault.to_dict() for fault in faults], "partly": partly})


def heard(said: str | None) -> tuple[list[Fault], bool]:
    """The faults of such a process, and whether some were left out: of one that died (None) nobody knows."""
    if said is None:
        return [], True
    found = json.loads(said)
    return [Fault(**entry) for entry in found["faults"]], found["partly"]


def merged(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per fault: its variants together, each with its figures."""
    rows: list[dict[str, Any]] = []
    for number in sorted({part["id"] for part in parts}):
        mine = [part for part in parts if part["id"] == number]
        several = len(mine) > 1
        row = {
            "id": number,
            "name": mine[0]["name"],
            "passed": all(part["passed"] for part in mine),
            "lost": sum(part["lost"] for part in mine),
            "duplicated": sum(part["duplicated"] for part in mine),
            "seconds": round(sum(part["seconds"] for part in mine), 1),
            "seed": mine[0]["seed"],
            "figures": {part["variant"]: part["figures"] for part in mine} if several else mine[0]["figures"],
            "history": {part["variant"]: part["history"] for part in mine} if several else mine[0]["history"],
            "form": mode(),
        }
        rows.append(row)
    return rows


def write(root: Path, faults: list[Fault], kafka: str, *, whole: bool) -> None:
    """Puts what ran in the place of what ran before in the same form, and writes both reports.

    `whole`: all faults ran, so nothing from before is kept.
    """
    folder = root / "var" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{mode()}.json"
    before: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() and not whole else {}
    for fault in faults:
        before[f"{fault.id:02d} {fault.variant}"] = fault.to_dict()
    kept.write_text(json.dumps(before, indent=1) + "\n", encoding="utf-8")
    rows = merged([before[key] for key in sorted(before)])
    (folder / "report.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if mode() == FULL:
        from tests.faults.harness.report import updated

        report = root / "docs" / "fault-report.md"
        earlier = report.read_text(encoding="utf-8") if report.exists() and not whole else ""
        report.write_text(updated(earlier, [fault.to_dict() for fault in faults], setting(kafka)), encoding="utf-8")


def setting(kafka: str) -> str:
    """What a run ran on."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    return f"Apache Kafka {kafka}; Python {platform.python_version()}; {packages}; {system}"
