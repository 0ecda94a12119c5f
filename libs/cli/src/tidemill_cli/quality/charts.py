"""Small charts as inline SVG, for light and dark pages: colours come from the page's CSS variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, GAP = 600.0, 64.0, 1.5
EDGE = 5.0
MOST_BARS = 60


@dataclass(frozen=True, slots=True)
class Point:
    """One window: its measured value (None where there was nothing), whether the rule holds, and a text for people."""

    value: float | None
    holds: bool | None
    title: str


def bars(values: Sequence[float], titles: Sequence[str], kind: str = "bad", part: Sequence[float] | None = None) -> str:
    """One bar for each value from 0 up; `kind` names its colour, `part` of it is drawn as bad. Empty for no values."""
    top = max(values, default=0.0)
    if not values:
        return ""
    step = WIDTH / len(values)
    drawn = []
    for n, (value, title, bad) in enumerate(zip(values, titles, part or [0.0] * len(values), strict=True)):
        place = f'x="{n * step:.1f}" width="{max(step - GAP, 0.5):.1f}"'
        drawn.append(
            f'<g><title>{escape(title)}</title><rect class="hit" {place} y="0" height="{HEIGHT:g}"/>'
            f"{_bar(place, kind, value, top)}{_bar(place, 'bad', bad, top)}</g>"
        )
    return _svg("".join(drawn))


def _bar(place: str, kind: str, value: float, top: float) -> str:
    if not value:
        return ""
    height = max(1.0, (HEIGHT - 4) * value / top)
    return f'<rect class="{kind}" {place} y="{HEIGHT - height:.1f}" height="{height:.1f}"/>'


def line(points: Sequence[Point], low: float | None, high: float | None) -> str:
    """The values of windows in time, the range that is expected behind them; those outside are marked."""
    known = [point.value for point in points if point.value is not None and math.isfinite(point.value)]
    if not known:
        return ""
    bottom, top = _range([*known, *(b for b in (low, high) if b is not None)])

    def y(value: float) -> float:
        return HEIGHT - 6 - (HEIGHT - 12) * (value - bottom) / (top - bottom)

    upper = 0.0 if high is None else y(high)
    lower = HEIGHT if low is None else y(low)
    drawn = ""
    if low is not None or high is not None:
        drawn = f'<rect class="band" x="0" width="{WIDTH:g}" y="{upper:.1f}" height="{max(lower - upper, 1):.1f}"/>'
    step = (WIDTH - 2 * EDGE) / max(len(points) - 1, 1)
    places = [(EDGE + n * step, point) for n, point in enumerate(points)]
    at = [(x, y(p.value), p) for x, p in places if p.value is not None and math.isfinite(p.value)]
    path = " ".join(f"{x:.1f},{where:.1f}" for x, where, _ in at)
    drawn += f'<polyline class="line" points="{path}"/>'
    for x, where, point in at:
        kind = {True: "dot", False: "dot broken", None: "dot open"}[point.holds]
        drawn += f'<path class="{kind}" d="M{x:.1f} {where:.1f}h0"><title>{escape(point.title)}</title></path>'
    return _svg(drawn)


def binned(pairs: Sequence[tuple[int, float]], first: int, last: int, bins: int = MOST_BARS) -> list[float]:
    """(time, count) pairs added up in bins of equal length from `first` to `last`."""
    width = max((last - first) / bins, 1)
    found = [0.0] * bins
    for at, count in pairs:
        found[min(int((at - first) / width), bins - 1)] += count
    return found


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _svg(inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" aria-hidden="true">'
        f"{inside}</svg>"
    )
