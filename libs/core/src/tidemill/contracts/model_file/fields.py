"""`normalise` and `privacy`: what is done to single fields between raw and clean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from tidemill.contracts.model_file.spec import PrivacyRule, Step
from tidemill.contracts.model_file.units import UNITS, conversion
from tidemill.contracts.model_file.yaml.nodes import Value
from tidemill.contracts.model_file.yaml.suggestions import nearest

PLAIN_STEPS: Final = ("trim", "lower", "upper", "collapse")
"""Steps on text that take no argument; `collapse` makes every run of white space one space."""
STEPS: Final = ("unit", "multiply", "offset", "map")
PRIVACY: Final = ("drop", "hash", "mask")
KEPT_BY_MASK: Final = 4


def read_normalise(value: Value | None) -> dict[str, tuple[Step, ...]]:
    """`normalise`: field to its steps, in the order in which they are done; none of it where they are wrong."""
    return {} if value is None else {name: child.read(_steps, ()) for name, child in value.entries().items()}


def read_privacy(value: Value | None) -> dict[str, PrivacyRule]:
    """`privacy`: field to drop, hash, mask, or `{mask: {keep_last: 4}}`; the kind of one that is wrong is ""."""
    wrong = PrivacyRule("")  # type: ignore[arg-type]
    return {} if value is None else {name: child.read(_privacy, wrong) for name, child in value.entries().items()}


def _steps(value: Value) -> tuple[Step, ...]:
    items = [value] if value.is_scalar or value.is_mapping else value.items()
    if not items:
        raise value.wants("a list of steps, such as [trim, upper]")
    found = [item.read(_step, None) for item in items]
    return tuple(step for step in found if step) if all(found) else ()


def _step(item: Value) -> Step:
    if item.is_scalar:
        return Step(item.choice((*PLAIN_STEPS,)))
    entries = item.entries()
    kind = next(iter(entries), "")
    if kind not in STEPS:
        raise item.error(f"unknown step {kind!r} in `{item.path}`", nearest(kind, (*PLAIN_STEPS, *STEPS)))
    if kind == "map":
        found = item.section(("map", "other"))
        return _mapping(entries["map"], found.entries.get("other"))
    body = item.section((kind,)).entries[kind]
    readers: dict[str, Callable[[Value], Step]] = {
        "unit": _unit,
        "multiply": lambda v: Step("linear", factor=_factor(v)),
        "offset": lambda v: Step("linear", offset=_finite(v)),
    }
    return readers[kind](body)


def _unit(body: Value) -> Step:
    found = body.section(("from", "to"), required=("from", "to"))
    source, target = (found.read(key, lambda v: v.choice(UNITS), "", "") for key in ("from", "to"))
    if not found.sure("from", "to"):
        return Step("linear")
    try:
        factor, offset = conversion(source, target)
    except ValueError as error:
        raise found.entries["to"].error(f"`{body.path}`: {error}") from error
    return Step("linear", factor=factor, offset=offset)


def _mapping(body: Value, other: Value | None) -> Step:
    pairs = tuple((key, child.read(_category, "")) for key, child in body.entries().items())
    if not pairs:
        raise body.wants("a mapping with at least one category, such as {NYC: JFK}")
    rest = None if other is None else other.read(_category, "")
    return Step("map", mapping=pairs, other=rest, closed=other is not None)


def _category(value: Value) -> str | None:
    found: Any = value.scalar()
    if found is not None and not isinstance(found, str):
        raise value.wants("text, or null: put texts that look like numbers in quotes")
    return found


def _factor(value: Value) -> float:
    factor = _finite(value)
    if factor == 0:
        raise value.wants("a number other than 0")
    return factor


def _finite(value: Value) -> float:
    number = float(value.number())
    if not math.isfinite(number):
        raise value.wants("a finite number")
    return number


def _privacy(value: Value) -> PrivacyRule:
    if value.is_scalar:
        kind = value.choice(PRIVACY)
        return PrivacyRule(kind, keep_last=KEPT_BY_MASK if kind == "mask" else 0)  # type: ignore[arg-type]
    found = value.section(("mask",), required=("mask",))
    keep = found.read("mask", _keep_last, KEPT_BY_MASK, KEPT_BY_MASK)
    return PrivacyRule("mask", keep_last=keep)


def _keep_last(value: Value) -> int:
    return value.section(("keep_last",)).read("keep_last", lambda v: v.integer(0), KEPT_BY_MASK, KEPT_BY_MASK)
