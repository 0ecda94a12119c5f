"""Which artifacts may go. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tidemill_operations.references.uses import References, Why

DAY_MS: Final = 24 * 3_600_000
HELD: Final = frozenset({Why.SERVES, Why.ON_TRIAL, Why.AWAITED, Why.POOLED, Why.MEMBER, Why.STAGED})
"""Uses that keep an artifact whatever its age."""


class Whose(StrEnum):
    """Whether an artifact in a store that several platforms may share is this one's."""

    OURS = "ours"
    UNKNOWN = "unknown"
    NOBODYS = "nobody's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A folder of the artifact store. `newest_ms`: when its newest file was written; `whose`: nobody's without a
    manifest, for no process takes it for an artifact.
    """

    model: str
    uri: str
    newest_ms: int
    size: int
    whose: Whose


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """After how long something goes, in ms. `leftover`: what no record names, and folders without a manifest (nothing
    that is younger goes);
    `unreleased`: versions that a run has made and nobody has released; `superseded`: versions that have served, after
    they did so last; None: these are kept for ever. `rollback`: so many versions that were released last are kept.
    `untimed_rows`: whether rows without a usable time go, too, from tables whose rows do not stay for ever.
    """

    leftover: int = 7 * DAY_MS
    unreleased: int = 30 * DAY_MS
    superseded: int | None = None
    rollback: int = 5
    untimed_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the history of releases says. `last`: of each model the versions that were released last, the newest first;
    `until_ms`: by (model, version) when it last ceased to be published, of those that did.
    """

    last: Mapping[str, Sequence[int]]
    until_ms: Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """An artifact that may go, and why."""

    stored: Stored
    why: str


def served(releases: Iterable[tuple[int, Mapping[str, Any]]]) -> Served:
    """From the events of model-releases, each with the time of its record in ms, in the order of the topic."""
    order: dict[str, dict[int, None]] = defaultdict(dict)
    until: dict[tuple[str, int], int] = {}
    now: dict[str, set[int]] = defaultdict(set)
    for at_ms, release in releases:
        published = release["published"]
        model, arms = published["model"], (published["champion"], published.get("challenger"))
        numbers = {arm["version"] for arm in arms if arm}
        for gone in now[model] - numbers:
            until[model, gone] = at_ms
        for number in numbers:
            until.pop((model, number), None)
            order[model].pop(number, None)
            order[model][number] = None
        now[model] = numbers
    return Served(last={model: list(of)[::-1] for model, of in order.items()}, until_ms=until)


def removals(
    stored: Iterable[Stored], references: References, history: Served, rules: Rules, now_ms: int
) -> list[Removal]:
    """What may go. Whatever is held, young, in reach of a rollback or perhaps another platform's stays."""
    found = ((one, _why(one, references, history, rules, now_ms)) for one in stored)
    return [Removal(stored=one, why=why) for one, why in found if why]


def _why(one: Stored, references: References, history: Served, rules: Rules, now_ms: int) -> str:
    use = references.artifacts.get(one.uri)
    age = now_ms - one.newest_ms
    if age < rules.leftover:
        return ""
    if use is None:
        if one.whose is Whose.UNKNOWN:
            return ""
        left = "no manifest: a write that did not end" if one.whose is Whose.NOBODYS else "no record names it"
        return f"{left}, and it is {_days(age)} old"
    why = {each.why for each in use.uses}
    if why & HELD or use.version in history.last.get(one.model, ())[: rules.rollback]:
        return ""
    if Why.RELEASED not in why:
        return f"it was never released, and is {_days(age)} old" if age >= rules.unreleased else ""
    ended = history.until_ms.get((one.model, use.version))
    if rules.superseded is None or ended is None or now_ms - ended < rules.superseded or age < rules.superseded:
        return ""
    return f"it served last {_days(now_ms - ended)} ago"


def _days(ms: int) -> str:
    days = ms // DAY_MS
    return "a day" if days == 1 else f"{days:,} days"
