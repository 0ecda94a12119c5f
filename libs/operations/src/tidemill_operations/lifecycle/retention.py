"""Rows of a training table that are older than `retention.rows` of the model file: said, and taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemill_learning.data_set.table_rows import ROWS_BEFORE
from tidemill_operations.erase.database import OPEN, database
from tidemill_operations.erase.files import store_of
from tidemill_operations.errors import NotPossible
from tidemill_operations.lifecycle.aged import Aged, Cut, aged, stated_files
from tidemill_operations.lifecycle.consequences import follows
from tidemill_operations.lifecycle.row_acts import RowsGone, minute, note_gone, note_rows, rows_gone
from tidemill_operations.lifecycle.row_deletion import delete_aged
from tidemill_operations.references.reading import read_rows, table_uri
from tidemill_operations.references.uses import Why

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.references.uses import References


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRows:
    """Of a model's table. `before_ms`: rows of earlier events go; `rows`: how many, by kind; `left`: how many stay;
    `oldest_ms`: the event of the oldest that goes; `kept`: why they stay all the same, empty where they go; `unusable`:
    rows that stay for want of a usable time, and `example` where one of them came from; `follows`: what follows, in
    words.
    """

    model: str
    uri: str
    before_ms: int
    rows: Mapping[str, int]
    left: int
    oldest_ms: int | None = None
    kept: str = ""
    unusable: int = 0
    example: str = ""
    follows: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        oldest = None if self.oldest_ms is None else minute(self.oldest_ms)
        return {
            "model": self.model, "uri": self.uri, "before": minute(self.before_ms), "rows": dict(self.rows),
            "left": self.left, "oldest": oldest, "kept": self.kept or None, "unusable": self.unusable,
            "unusable_example": self.example or None, "follows": list(self.follows),
        }  # fmt: skip


def old_rows(
    platform: PlatformView, spec: ModelSpec, references: References, cut: Cut, *, apply: bool
) -> OldRows | None:
    """The rows that are too old; with `apply` they are taken out of the table, noted in the audit log before. They stay
    where a run is accepted or started, or a version is on trial. None where nothing is to be said: no table, or no row.

    Raises NotPossible where the store is away, ConfigError without the database, RetryLater without brokers.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    uri = table_uri(platform.settings.tables, platform.settings.prefix, spec.name)
    try:
        found = _looked(DeltaTable(uri), cut)
        if apply and not found.said:
            _settle(platform, spec.name, uri, found, cut)
        if not found.said:
            return None
        kept = "; ".join(_holders(platform, spec.name, references)) if found.aged.count else ""
        told = tuple(_follows(platform, spec, references, found, cut)) if found.aged.count else ()
        if apply and not kept and found.aged.count:
            found = _taken(platform, spec.name, uri, found, cut)
    except TableNotFoundError:
        return None
    except (OSError, DeltaError) as error:
        raise NotPossible(f"the training table {uri} cannot be read or written: {error}") from error
    return _told(spec.name, uri, cut, found, kept, told)


@dataclass(frozen=True, slots=True)
class _Looked:
    """`rows`: of the whole table; `before_ms`: what it says of rows that went."""

    aged: Aged
    rows: int
    labels: int
    version: int
    before_ms: int | None

    @property
    def said(self) -> bool:
        return bool(self.aged.count or self.aged.unusable)


def _looked(table: DeltaTable, cut: Cut) -> _Looked:
    files, total = stated_files(table), Aged()
    for one in aged(store_of(table), files, cut).values():
        total.add(one)
    labels = sum(one.labels for one in files)
    return _Looked(
        total, sum(one.rows for one in files), labels, int(table.version()), table.transaction_version(ROWS_BEFORE)
    )


def _taken(platform: PlatformView, model: str, uri: str, found: _Looked, cut: Cut) -> _Looked:
    """Noted with what was found; rows that come in until the commit go with it and are counted."""
    note_rows(platform, model, cut.before_ms, found.aged.gone, found.aged.places)
    gone, version = delete_aged(uri, cut)
    note_gone(platform, model, version)
    return _Looked(gone, found.rows, found.labels, version, cut.before_ms)


def _settle(platform: PlatformView, model: str, uri: str, found: _Looked, cut: Cut) -> None:
    """Nothing is too old: what a killed call has left is noted, and a table that says a later time is told this one."""
    acts = rows_gone(platform, model)
    if acts and acts[-1].gone_at is None:
        note_gone(platform, model, found.version)
    if found.before_ms is not None and found.before_ms > cut.before_ms:
        delete_aged(uri, cut)


def _holders(platform: PlatformView, model: str, references: References) -> Iterator[str]:
    """Who may need rows now, in words."""
    with database(platform) as engine:
        runs = read_rows(engine, "runs", ("run_id", "model", "state"))
    yield from (f"run {r['run_id']} is {r['state']}" for r in runs if r["model"] == model and r["state"] in OPEN)
    for use in references.artifacts.values():
        if use.model == model and any(one.why is Why.ON_TRIAL for one in use.uses):
            yield f"version {use.version} is on trial"


def _follows(
    platform: PlatformView, spec: ModelSpec, references: References, found: _Looked, cut: Cut
) -> Iterator[str]:
    going = RowsGone(0, cut.before_ms, found.aged.places)
    yield from follows(platform, spec.name, references, going)
    yield "`trace` answers as before: it reads topics, for as long as these keep their records"
    labels = found.labels - found.aged.labels
    if labels < spec.training.first_after:
        yield (
            f"{labels:,} labelled rows are left, fewer than `training.first_after` ({spec.training.first_after:,}): "
            "the next version learns from these alone. Let rows stay longer if that is too little"
        )


def _told(model: str, uri: str, cut: Cut, found: _Looked, kept: str, told: tuple[str, ...]) -> OldRows:
    oldest = found.aged.oldest_us
    return OldRows(
        model=model, uri=uri, before_ms=cut.before_ms, rows=found.aged.gone, left=found.rows - found.aged.count,
        oldest_ms=None if oldest is None else oldest // 1_000, kept=kept, unusable=found.aged.unusable,
        example=found.aged.example, follows=told,
    )  # fmt: skip
