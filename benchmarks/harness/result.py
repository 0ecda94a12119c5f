"""What a benchmark finds: medians of its runs, as JSON and as lines of a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must reach: at least, or at most, `bound`."""

    what: str
    figure: float
    bound: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        return self.figure <= self.bound if self.at_most else self.figure >= self.bound


@dataclass(slots=True)
class Result:
    """Figures of one benchmark, in `unit`; `limit` 0 where there is none, `ratio` = ours / limit.

    `rivals`: name to figure. `runs`: every run's figures by participant, in the order in which they ran.
    `stages_us`: microseconds a record that ours spent in each stage. `figures`: others worth knowing.
    """

    name: str
    unit: str
    ours: float
    limit: float = 0.0
    rivals: dict[str, float] = field(default_factory=dict)
    runs: list[dict[str, float]] = field(default_factory=list)
    stages_us: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    @classmethod
    def of_runs(cls, name: str, unit: str, runs: Sequence[Mapping[str, float]]) -> Result:
        """Medians of what `ours`, `limit` and everybody else reached in each run."""
        middle = {
            who: median(run[who] for run in runs if who in run) for who in dict.fromkeys(w for r in runs for w in r)
        }
        ours, limit = middle.pop("ours"), middle.pop("limit", 0.0)
        return cls(name, unit, ours, limit, middle, [dict(run) for run in runs])

    @property
    def ratio(self) -> float:
        return self.ours / self.limit if self.limit else 0.0

    def to_dict(self) -> dict[str, object]:
        """As it is written to `var/bench/NAME.json`."""
        return {**asdict(self), "ratio": self.ratio, "goals": [asdict(g) | {"reached": g.reached} for g in self.goals]}

    def write(self, folder: Path) -> Path:
        """Write `NAME.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n")
        return path

    def lines(self) -> list[str]:
        """A few lines for people."""
        limit = f"  limit {number(self.limit)}  ratio {self.ratio:.2f}" if self.limit else ""
        lines = [f"{self.name:<17}{number(self.ours):>10} {self.unit}{limit}"]
        lines += [
            f"{'':<17}{number(figure):>10} {who}" + (f"  ({self.ours / figure:.1f}x slower)" if figure else "")
            for who, figure in self.rivals.items()
        ]
        if self.stages_us:
            lines.append(f"{'':<17}µs a record: " + ", ".join(f"{k} {v:.2f}" for k, v in self.stages_us.items()))
        if self.figures:
            lines.append(f"{'':<17}" + ", ".join(f"{k} {number(v)}" for k, v in self.figures.items()))
        for goal in self.goals:
            sign, word = ("≤" if goal.at_most else "≥"), ("reached" if goal.reached else "NOT REACHED")
            lines.append(f"{'':<17}{word}: {goal.what} {number(goal.figure)} {sign} {number(goal.bound)}")
        return lines


def number(value: float) -> str:
    """A figure with three or four digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def told(name: str, run: int, figures: Mapping[str, float]) -> Mapping[str, float]:
    """Say on stderr what a run has found, before the medians are known; gives the figures back."""
    text = ", ".join(f"{who} {number(figure)}" for who, figure in figures.items())
    print(f"{name}, run {run + 1}: {text}", file=sys.stderr, flush=True)
    return figures


def rotated(participants: Sequence[str], run: int) -> list[str]:
    """The participants of one run, each time beginning with the next: none has always the warmest machine."""
    start = run % len(participants)
    return [*participants[start:], *participants[:start]]
