"""The section `release`: how a new version takes over."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

from tidemill.contracts.model_file import vocabulary as words
from tidemill.contracts.model_file.nodes import Value
from tidemill.contracts.model_file.spec import Mode, Release, ReleaseLimits


def read_release(value: Value | None) -> Release:
    """`release`: mode, stages, hold, approval, labels, limits."""
    if value is None:
        return Release()
    found = value.mapping(("mode", "stages", "hold", "approval", "labels", "limits"))
    options: dict[str, Any] = {}
    if "mode" in found:
        options["mode"] = cast(Mode, found["mode"].choice(words.MODES))
    if "stages" in found:
        options["stages"] = _stages(found["stages"], options.get("mode", "direct"))
    if "hold" in found:
        options["hold"] = found["hold"].duration()
    if "approval" in found:
        options["approval"] = found["approval"].boolean()
    if "labels" in found:
        options["labels"] = found["labels"].integer(0)
    if "limits" in found:
        options["limits"] = _limits(found["limits"])
    return Release(**options)


def _stages(value: Value, mode: Mode) -> tuple[float, ...]:
    if mode not in words.STAGED_MODES:
        raise value.error(f"`release.stages` belong to {' and '.join(words.STAGED_MODES)}", at_key=True)
    shares = tuple(item.share() for item in value.items())
    rising = all(one < other for one, other in pairwise(shares))
    if not shares or not rising or shares[0] <= 0:
        raise value.wants("rising percentages above 0%, such as [5%, 50%, 100%]")
    if mode == "ab" and (len(shares) > 1 or shares[0] >= 1):
        raise value.wants("one percentage below 100%, such as [50%], for mode ab")
    return shares


def _limits(value: Value) -> ReleaseLimits:
    found = value.mapping(("errors", "p95", "shift"))
    options: dict[str, Any] = {key: found[key].share() for key in ("errors", "shift") if key in found}
    for key, share in options.items():
        if not 0 < share < 1:
            raise found[key].wants("a percentage between 0% and 100%, neither of them itself")
    if "p95" in found:
        options["p95"] = found["p95"].duration()
    return ReleaseLimits(**options)
