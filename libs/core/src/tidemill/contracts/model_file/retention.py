"""The section `retention`: how long rows of the training table stay, and that the model finds there what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from tidemill.contracts.model_file.spec import Drift, Retrain, Target
from tidemill.contracts.model_file.yaml.nodes import Value


def read_retention(value: Value, needed: Iterable[tuple[timedelta, str]]) -> timedelta | None:
    """`retention`: rows, a duration. What is shorter than one of the needs is a mistake that names the longest one."""
    found = value.section(("rows",), required=("rows",))
    rows = found.read("rows", Value.duration, None, None)
    if rows is None:
        return None
    least, why = max(needed, default=(timedelta(0), ""))
    if rows < least:
        said = f"`retention.rows` is shorter than {why}: rows would go that the model needs"
        value.mistakes.add(found.entries["rows"].error(said, f"let rows stay {told(least)} or longer"))
    return rows


def needs(target: Target, drift: Drift, retrain: Retrain) -> Iterator[tuple[timedelta, str]]:
    """How long a row must stay at least, and why: one for each thing that a duration of the file decides."""
    yield target.expires, "`target.expires`, until when an event waits for its label"
    if isinstance(drift.window, timedelta):
        yield drift.window + target.delay, "`drift.window` and `target.delay` together, after which a window is judged"
    if retrain.every is not None:
        yield retrain.every + target.delay, "`retrain.every` and `target.delay` together, after which rows are learned"


def told(span: timedelta) -> str:
    """A duration as the file has it, in whole units and never less than it is.

    >>> told(timedelta(hours=36)), told(timedelta(days=30)), told(timedelta(minutes=90, seconds=1))
    ('36h', '30d', '91m')
    """
    for unit, size in (("d", timedelta(days=1)), ("h", timedelta(hours=1))):
        if not span % size:
            return f"{span // size}{unit}"
    return f"{-(-span // timedelta(minutes=1))}m"
