"""A frame of the loop as text, for terminals of any width; nothing is folded, what does not fit ends in an ellipsis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from tidemill_cli.rendering.terminal import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tidemill_operations.loop_view.counts import Step
    from tidemill_operations.loop_view.frame import Frame, Happened, ModelFrame

NARROW: Final = 60
"""Below so many columns, words are left out."""
SHOWN: Final = 12
"""Happenings that are shown."""
COLOURS: Final = {
    "drift": "yellow", "release": "green", "run": "cyan", "asked": "cyan", "refused": "bright_black", "paused": "red",
    "resumed": "green",
}  # fmt: skip
FAST: Final = 10.0
"""From so many a second on, fractions say nothing."""


def view(frame: Frame, width: int, *, leave: str = "") -> RenderableType:
    """All of a frame. `leave`: how to leave, on its first line."""
    parts: list[RenderableType] = [_head(frame, width, leave)]
    if frame.problem:
        parts.append(_line(f"no answer: {frame.problem}", "red"))
    for model in frame.models:
        parts += [Text(), *_model(model, width)]
    if frame.happened:
        parts += [Text(), *(_happened(one, width) for one in reversed(frame.happened[-SHOWN:]))]
    return Group(*parts)


def _head(frame: Frame, width: int, leave: str) -> Text:
    time = _clock(frame.at_ms)
    words = (f"Tidemill at {frame.bootstrap}", f"{time} UTC", leave) if width >= NARROW else ("Tidemill", time, leave)
    return _line("   ".join(filter(None, words)), "bold")


def _model(model: ModelFrame, width: int) -> Iterator[RenderableType]:
    yield _line(_version(model, width), "bold")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ellipsis")
    for _ in ("records/s", "behind"):
        table.add_column(no_wrap=True, justify="right")
    table.add_row("", Text("records/s", "dim"), Text("behind", "dim"))
    for step in model.steps:
        table.add_row(step.name, _speed(step.per_s), _behind(step))
    yield table
    for text, style in _facts(model, width):
        yield _line(text, style)


def _version(model: ModelFrame, width: int) -> str:
    if model.version is None:
        labelled = max(0, model.labels.labels - model.labels.orphans)
        return f"{model.model}: no version yet, {labelled:,} of {model.wanted:,} labelled rows"
    epoch = f" (epoch {model.epoch})" if width >= NARROW else ""
    trial = f", {model.trial[0]} on trial at {model.trial[1]:.0%}" if model.trial else ""
    return f"{model.model}: version {model.version}{epoch}{trial}"


def _facts(model: ModelFrame, width: int) -> Iterator[tuple[str, str]]:
    orphans = f", {model.labels.orphans:,} about no event" if model.labels.orphans else ""
    dead = f"{'' if model.dead_exact else 'at most '}{model.dead:,} open dead letters"
    groups = [
        (f"{model.labels.labels:,} labels met{orphans}", "yellow" if model.labels.orphans else ""),
        (dead, "yellow" if model.dead else ""),
        (f"{model.drifts:,} drift events", ""),
        (f"{model.runs:,} trainings{f', the newest {model.run}' if model.run else ''}, {model.refused:,} refused", ""),
    ]
    if width >= 2 * NARROW:
        yield "; ".join(text for text, _ in groups), ""
    else:
        yield from groups
    for role in model.paused:
        yield f"paused: {role} (tidemill resume {model.model})", "red"


def _happened(one: Happened, width: int) -> Text:
    name = f"{one.model}  " if width >= NARROW else ""
    line = _line(f"{_clock(one.at_ms)}  {name}{one.text}", "")
    line.stylize(COLOURS.get(one.kind, ""), 0, len("00:00:00"))
    return line


def _line(text: str, style: str) -> Text:
    """One line; somebody else's words among it steer nothing."""
    return Text(visible(text.replace("\n", " ")), style, no_wrap=True, overflow="ellipsis")


def _speed(per_s: float | None) -> str:
    if per_s is None:
        return "-"
    return f"{per_s:,.0f}" if per_s >= FAST or not per_s else f"{per_s:.1f}"


def _behind(step: Step) -> str:
    return "" if step.behind is None else f"{step.behind:,}"


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%H:%M:%S")
