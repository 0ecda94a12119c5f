"""Courses of values over event time, as inline SVG for light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tidemill_cli.rendering.quality_table import moment

WIDTH, HEIGHT = 960.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 8.0, 10.0, 40.0
TICKS_X, TICKS_Y = 5, 6
"""Of times; and of values at most."""
COLOURS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One course: (epoch ms, value) in the order of time. `title`: for whoever points at it; `colour`: its number, as
    the key of the page has it; `dots`: whether each point is marked.
    """

    points: Sequence[tuple[int, float]]
    title: str
    colour: int
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: `kind` is change, alarm, asked, refused or release."""

    at_ms: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a time and a value stand; a line every `step`."""

    first: int
    last: int
    low: float
    high: float
    step: float

    def x(self, at_ms: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at_ms - self.first) / max(1, self.last - self.first)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)


def courses(lines: Sequence[Line], marks: Sequence[Mark], first: int, last: int, label: str) -> Markup:
    """The lines, the first one on top, in the colours `c0`, `c1` … of the page, and what happened. Empty without a
    point.
    """
    values = [value for line in lines for _, value in line.points]
    if not values:
        return Markup()
    step = _step(min(values), max(values))
    low, high = math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step
    frame = _Frame(first, last, low, high if high > low else low + step, step)
    drawn = _axes(frame) + Markup().join(_mark(frame, mark) for mark in marks)
    drawn += Markup().join(_line(frame, line) for line in reversed(lines))
    head = Markup('<svg class="courses" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">')
    return head.format(WIDTH, HEIGHT, label) + drawn + Markup("</svg>")


def _line(frame: _Frame, line: Line) -> Markup:
    places = [(frame.x(at), frame.y(value)) for at, value in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    colour = line.colour % COLOURS
    drawn = Markup('<polyline class="course c{}" points="{}"><title>{}</title></polyline>').format(
        colour, path, line.title
    )
    dot = Markup('<circle class="point c{}" cx="{:.1f}" cy="{:.1f}" r="2.5"><title>{}</title></circle>')
    for (x, y), (at, value) in zip(places, line.points, strict=True) if line.dots else ():
        drawn += dot.format(colour, x, y, f"{line.title}: {value:.4g} at {moment(at)}")
    return drawn


def _mark(frame: _Frame, mark: Mark) -> Markup:
    if not frame.first <= mark.at_ms <= frame.last:
        return Markup()
    x = frame.x(mark.at_ms)
    if mark.kind == "release":
        y = HEIGHT - BOTTOM
        drawn = Markup('<path class="release" d="M{:.1f} {:.1f}l4 8h-8z"><title>{}</title></path>')
        return drawn.format(x, y, mark.title)
    line = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:g}" y2="{:g}"><title>{}</title></line>')
    return line.format(mark.kind, x, x, TOP, HEIGHT - BOTTOM, mark.title)


def _axes(frame: _Frame) -> Markup:
    drawn = Markup()
    line = Markup('<line class="grid" x1="{:g}" x2="{:g}" y1="{:.1f}" y2="{:.1f}"/>')
    text = Markup('<text class="tick end" x="{:g}" y="{:.1f}">{}</text>')
    for k in range(round((frame.high - frame.low) / frame.step) + 1):
        value = frame.low + k * frame.step
        y = frame.y(value)
        drawn += line.format(LEFT, WIDTH - RIGHT, y, y) + text.format(LEFT - 6, y + 4, f"{value:.4g}")
    for k in range(TICKS_X + 1):
        at = frame.first + (frame.last - frame.first) * k // TICKS_X
        side = "start" if k == 0 else "end" if k == TICKS_X else "middle"
        drawn += Markup('<text class="tick {}" x="{:.1f}" y="{:g}">{}</text>').format(
            side, frame.x(at), HEIGHT - 8, moment(at)
        )
    return drawn


def _step(low: float, high: float) -> float:
    """1, 2 or 5 times a power of ten, so that there are few lines from `low` to `high`.

    >>> _step(0.61, 0.93), _step(7.0, 7.0)
    (0.1, 0.2)
    """
    span = (high - low) or max(abs(high), 1e-9) * 0.1
    size = 10.0 ** math.floor(math.log10(span / TICKS_Y))
    return next(step * size for step in (1, 2, 5, 10) if step * size * TICKS_Y >= span)
