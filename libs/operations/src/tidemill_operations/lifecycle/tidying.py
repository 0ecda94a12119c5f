"""A look at what may go, and its removal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tidemill_operations.acts import note_act
from tidemill_operations.errors import WrongUse
from tidemill_operations.lifecycle.aged import Cut
from tidemill_operations.lifecycle.policy import DAY_MS, Removal, Rules, Served, removals, served
from tidemill_operations.lifecycle.retention import OldRows, old_rows
from tidemill_operations.lifecycle.store import artifacts, take
from tidemill_operations.lifecycle.tables import OldFiles, old_files
from tidemill_operations.references.reading import read_references

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What may go, or went."""

    removals: tuple[Removal, ...]
    rows: tuple[OldRows, ...]
    tables: tuple[OldFiles, ...]
    applied: bool

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "applied": self.applied,
            "artifacts": [
                {"model": one.stored.model, "uri": one.stored.uri, "bytes": one.stored.size, "why": one.why}
                for one in self.removals
            ],
            "rows": [one.facts() for one in self.rows],
            "tables": [
                {"model": one.model, "uri": one.uri, "files": one.files, "kept": one.kept or None}
                for one in self.tables
            ],
        }


def tidy(
    platform: PlatformView, models: Sequence[str], rules: Rules, table_age: timedelta, *, apply: bool, told: Told
) -> Tidied:
    """What may go of these models; with `apply` it goes, noted in the audit log before. What refers to what is read
    again right before anything is deleted.

    Raises WrongUse for rules that would take what `trace` and `explain` need, NotPossible where a store is away,
    RetryLater without brokers, ConfigError without the database.
    """
    _check(platform, rules)
    told("artifacts")
    found = _removals(platform, models, rules)
    if apply and found:
        for model in {one.stored.model for one in found}:
            names = [one.stored.uri.rpartition("/")[2] for one in found if one.stored.model == model]
            note_act(platform, "tidy", model, artifacts=names)
        sure = {one.stored.uri for one in _removals(platform, models, rules)}
        found = [one for one in found if one.stored.uri in sure]
        for one in found:
            told(one.stored.uri)
            take(platform, one.stored)
    rows, tables = [], []
    for model in models:
        told(f"table of {model}")
        rows.append(_rows(platform, model, rules, apply=apply))
        tables.append(_files(platform, model, table_age, apply=apply))
    return Tidied(
        removals=tuple(found), rows=tuple(one for one in rows if one), tables=tuple(one for one in tables if one),
        applied=apply,
    )  # fmt: skip


def _files(platform: PlatformView, model: str, age: timedelta, *, apply: bool) -> OldFiles | None:
    found = old_files(platform, model, age, apply=False)
    if not apply or found is None or found.kept:
        return found
    note_act(platform, "tidy", model, table=found.uri, files=found.files)
    return old_files(platform, model, age, apply=True)


def _rows(platform: PlatformView, model: str, rules: Rules, *, apply: bool) -> OldRows | None:
    """By the wall clock. What refers to what is read anew, as runs and trials begin and end meanwhile."""
    spec = platform.models.get(model)
    if spec is None or spec.rows_kept is None:
        return None
    cut = Cut.of(time.time_ns() // 1_000_000, spec.rows_kept, untimed=rules.untimed_rows)
    return old_rows(platform, spec, read_references(platform), cut, apply=apply)


def _removals(platform: PlatformView, models: Sequence[str], rules: Rules) -> list[Removal]:
    stored = list(artifacts(platform, list(models)))  # before the references: one that is made meanwhile is young
    now_ms = time.time_ns() // 1_000_000
    return removals(stored, read_references(platform), _history(platform), rules, now_ms)


def _history(platform: PlatformView) -> Served:
    from tidemill_operations.feed import read_all

    return served((item.at_ms, item.datum) for item in read_all(platform, "model_releases") if item.datum)


def _check(platform: PlatformView, rules: Rules) -> None:
    """Predictions are explained by their version's artifact for as long as their topic keeps them."""
    kept = platform.topics.spec("predictions").retention
    if rules.superseded is None:
        return
    if kept is None or rules.superseded < kept.total_seconds() * 1000:
        days = "for ever" if kept is None else f"for {kept.total_seconds() * 1000 / DAY_MS:g} days"
        raise WrongUse(
            f"topics keep predictions {days}, and `trace` and `explain` need their versions so long",
            "--superseded-after",
        )
