"""The section `release`: how a new version takes over."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import tidemill.contracts.model_file.vocabulary as words
from tidemill.contracts.model_file.spec import Mode, Release, ReleaseLimits
from tidemill.contracts.model_file.yaml.nodes import Value


def read_release(value: Value | None) -> Release:
    """`release`: mode, stages, hold, approval, labels, limits."""
    if value is None:
        return Release()
    found = value.section(("mode", "stages", "hold", "approval", "labels", "limits"))
    stated = found.read("mode", lambda v: v.choice(words.MODES), "direct", "")
    mode = stated if found.certain("mode") else ""
    readers: dict[str, Callable[[Value], Any]] = {
        "stages": lambda v: _stages(v, mode),
        "hold": Value.duration,
        "approval": Value.boolean,
        "labels": lambda v: v.integer(0),
        "limits": _limits,
    }
    return Release(mode=cast(Mode, mode), **found.options(readers))


def _stages(value: Value, mode: str) -> tuple[float, ...]:
    if mode and mode not in words.STAGED_MODES:
        raise value.error(f"`release.stages` belong to {' and '.join(words.STAGED_MODES)}", at_key=True)
    shares = tuple(item.share() for item in value.items())
    rising = all(one < other for one, other in pairwise(shares))
    if not shares or not rising or shares[0] <= 0:
        raise value.wants("rising percentages above 0%, such as [5%, 50%, 100%]")
    if mode == "ab" and (len(shares) > 1 or shares[0] >= 1):
        raise value.wants("one percentage below 100%, such as [50%], for mode ab")
    return shares


def _limits(value: Value) -> ReleaseLimits:
    readers = {"errors": _limit, "p95": Value.latency, "shift": _limit}
    return ReleaseLimits(**value.section(("errors", "p95", "shift")).options(readers))


def _limit(value: Value) -> float:
    share = value.share()
    if not 0 < share < 1:
        raise value.wants("a percentage between 0% and 100%, neither of them itself")
    return share
