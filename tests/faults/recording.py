"""What a run of the faults leaves behind: var/faults/report.json and, of the full sizes, docs/fault-report.md."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

SHORT, FULL = "short", "full"
PACKAGES = ("confluent-kafka", "aiokafka", "onnxruntime", "pyarrow", "polars", "pyruhvro")


def mode() -> str:
    """Which sizes are asked for."""
    return FULL if os.environ.get("TIDEMILL_FAULTS") == FULL else SHORT


def size(short: int, full: int) -> int:
    """A size by form."""
    return full if mode() == FULL else short


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


def write(root: Path, faults: list[Fault], kafka: str) -> None:
    """Adds what ran to what ran before in the same form, and writes both reports."""
    folder = root / "var" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{mode()}.json"
    before: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for fault in faults:
        before[f"{fault.id:02d} {fault.variant}"] = fault.to_dict()
    parts = [before[key] for key in sorted(before)]
    kept.write_text(json.dumps(before, indent=1) + "\n", encoding="utf-8")
    rows = merged(parts)
    (folder / "report.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if mode() == FULL:
        (root / "docs" / "fault-report.md").write_text(markdown(parts, kafka), encoding="utf-8")


def markdown(parts: list[dict[str, Any]], kafka: str) -> str:
    """The report for people."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    lines = [
        "# Fault report",
        "",
        "Written by `make faults-full` (tests/faults/recording.py), never by hand. Every row ran real processes",
        "against a real broker; a run in which the fault did not bite fails. Run one again with its seed:",
        "`TIDEMILL_FAULTS_SEED=SEED make faults-full ARGS='-k NAME'`.",
        "",
        f"- Apache Kafka {kafka}; Python {platform.python_version()}; {packages}; {system}",
        "",
        "| # | fault | limits | result | lost | double | s | seed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        name = part["name"] + (f" ({part['variant']})" if part["variant"] else "")
        result = "holds" if part["passed"] else "**does not hold**"
        lines.append(
            f"| {part['id']} | {name} | {part['limit']} | {result} | {part['lost']} | {part['duplicated']} "
            f"| {part['seconds']} | {part['seed']} |"
        )
    for part in parts:
        lines += ["", f"## {part['id']}. {part['name']}{' (' + part['variant'] + ')' if part['variant'] else ''}", ""]
        lines += [f"- {name}: {value}" for name, value in part["figures"].items()]
        lines += ["", "```", *part["history"], "```"] if part["history"] else []
    return "\n".join(lines) + "\n"
