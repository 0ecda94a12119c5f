"""Small charts as inline SVG, for light and dark pages: colours come from the page's CSS variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, GAP = 600.0, 64.0, 1.5
EDGE = 5.0
MOST_BARS = 60


@dataclass(frozen=True, slots=True)
class Point:
    """One window: its measured value (None where there was nothing), whether the rule holds, and a text for people."""

    value: float | None
    holds: bool | None
    title: str


def bars(
    values: Sequence[float], titles: Sequence[str], kind: str = "bad", part: Sequence[float] | None = None
) -> Markup:
    """One bar for each value from 0 up; `kind` names its colour, `part` of it is drawn as bad. Empty for no values."""
    top = max(values, default=0.0)
    if not values:
        return Markup()
    step = WIDTH / len(values)
    drawn = []
    for n, (value, title, bad) in enumerate(zip(values, titles, part or [0.0] * len(values), strict=True)):
        place = Markup('x="{:.1f}" width="{:.1f}"').format(n * step, max(step - GAP, 0.5))
        parts = _bar(place, kind, value, top) + _bar(place, "bad", bad, top)
        hit = Markup('<rect class="hit" {} y="0" height="{:g}"/>').format(place, HEIGHT)
        drawn.append(Markup("<g><title>{}</title>{}{}</g>").format(title, hit, parts))
    return _svg(Markup().join(drawn))


def _bar(place: Markup, kind: str, value: float, top: float) -> Markup:
    if not value:
        return Markup()
    height = max(1.0, (HEIGHT - 4) * value / top)
    return Markup('<rect class="{}" {} y="{:.1f}" height="{:.1f}"/>').format(kind, place, HEIGHT - height, height)


def line(points: Sequence[Point], low: float | None, high: float | None) -> Markup:
    """The values of windows in time, the range that is expected behind them; those outside are marked."""
    known = [point.value for point in points if point.value is not None and math.isfinite(point.value)]
    if not known:
        return Markup()
    bottom, top = _range([*known, *(b for b in (low, high) if b is not None)])

    def y(value: float) -> float:
        return HEIGHT - 6 - (HEIGHT - 12) * (value - bottom) / (top - bottom)

    upper = 0.0 if high is None else y(high)
    lower = HEIGHT if low is None else y(low)
    drawn = Markup()
    if low is not None or high is not None:
        band = Markup('<rect class="band" x="0" width="{:g}" y="{:.1f}" height="{:.1f}"/>')
        drawn = band.format(WIDTH, upper, max(lower - upper, 1))
    step = (WIDTH - 2 * EDGE) / max(len(points) - 1, 1)
    places = [(EDGE + n * step, point) for n, point in enumerate(points)]
    at = [(x, y(p.value), p) for x, p in places if p.value is not None and math.isfinite(p.value)]
    path = " ".join(f"{x:.1f},{where:.1f}" for x, where, _ in at)
    drawn += Markup('<polyline class="line" points="{}"/>').format(path)
    for x, where, point in at:
        kind = {True: "dot", False: "dot broken", None: "dot open"}[point.holds]
        dot = Markup('<path class="{}" d="M{:.1f} {:.1f}h0"><title>{}</title></path>')
        drawn += dot.format(kind, x, where, point.title)
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


def _svg(inside: Markup) -> Markup:
    head = Markup('<svg viewBox="0 0 {:g} {:g}" preserveAspectRatio="none" role="img" aria-hidden="true">')
    return head.format(WIDTH, HEIGHT) + inside + Markup("</svg>")
