"""Who refers to what, from all that a platform has recorded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tidemill.artifact.staging import IMPORT_DETECTOR
from tidemill_learning.admission import MIXTURE

Row = Mapping[str, Any]


class Why(StrEnum):
    """Why something is referred to, the strongest first."""

    SERVES = "serves"
    ON_TRIAL = "is on trial"
    AWAITED = "is to take over"
    POOLED = "answers in label time's pool"
    MEMBER = "is part of a mixture"
    RELEASED = "was released"
    MADE = "was made by a run"
    STAGED = "waits to be imported"
    LABEL_TIME = "label time stands there"
    LEARNED = "a version learned from it"


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """One reference. `by`: who refers: `epoch 4`, `run 0a1b`, `version 7`."""

    why: Why
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactUse:
    """An artifact that is referred to. `digest`: SHA-256 hex of its manifest's bytes; `version`: 0 for one that waits
    to be imported. `uses` is never empty.
    """

    model: str
    uri: str
    digest: str
    version: int
    uses: frozenset[Use]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    """A training table that is referred to. `versions`: of its log, by number."""

    uri: str
    versions: Mapping[int, frozenset[Use]] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a platform has recorded, as plain data. `versions`, `releases` and `run_events` are the events of
    model-versions, model-releases and retrain-runs; the others rows of the database. `tables`: where each model's
    training table is.
    """

    versions: Iterable[Row] = ()
    releases: Iterable[Row] = ()
    run_events: Iterable[Row] = ()
    runs: Iterable[Row] = ()
    label_time: Iterable[Row] = ()
    takeovers: Iterable[Row] = ()
    tables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Artifacts and tables by URI. What is not among them nobody refers to."""

    artifacts: Mapping[str, ArtifactUse]
    tables: Mapping[str, TableUse]

    def of(self, model: str, version: int) -> ArtifactUse | None:
        """The artifact of a version; None where nobody refers to it."""
        return next((a for a in self.artifacts.values() if (a.model, a.version) == (model, version)), None)


def references(recorded: Recorded) -> References:
    """All references there are. Whatever a record names is referred to, be it there or not."""
    found = _Found()
    for event in recorded.versions:
        found.published(event, Why.SERVES, Why.ON_TRIAL)
    for release in recorded.releases:
        found.published(release["published"], Why.RELEASED, Why.RELEASED)
    for run in (*recorded.run_events, *recorded.runs):
        found.run(run)
    for takeover in recorded.takeovers:
        if takeover["outcome"] is None:
            found.named(takeover["model"], takeover["version"], Use(Why.AWAITED, f"version {takeover['over']}"))
    for place in recorded.label_time:
        found.label_time(place, recorded.tables.get(place["model"]))
    return found.all()


class _Found:
    """Collects. Versions that are named by their number alone are looked up when everything is known."""

    def __init__(self) -> None:
        self._artifacts: dict[str, tuple[str, str, int]] = {}
        self._uses: dict[str, set[Use]] = {}
        self._tables: dict[str, dict[int, set[Use]]] = {}
        self._named: list[tuple[str, int, Use]] = []

    def published(self, event: Row, champion: Why, challenger: Why) -> None:
        by = f"epoch {event['epoch']}"
        self._arm(event["model"], event["champion"], Use(champion, by))
        if event.get("challenger"):
            self._arm(event["model"], event["challenger"], Use(challenger, by))

    def run(self, run: Row) -> None:
        """A run as an event, or as a row of the database, which has the evidence of its request."""
        model, by = run["model"], f"run {run['run_id']}"
        if run.get("artifact"):
            self._arm(model, run["artifact"], Use(Why.MADE, by))
        for member in run.get("mixture") or ():
            self.named(model, member["version"], Use(Why.MEMBER, by))
        for one in run.get("evidence") or ():
            if one["kind"] == MIXTURE:
                self.named(model, int(one["subject"].rpartition(" ")[2]), Use(Why.MEMBER, by))
            elif one["detector"] == IMPORT_DETECTOR and run["state"] in ("accepted", "started"):
                self._artifact(model, one["subject"], one["detail"], 0, Use(Why.STAGED, by))

    def label_time(self, place: Row, table: str | None) -> None:
        model, use = place["model"], Use(Why.POOLED, f"table version {place['table_version']}")
        for version in _pooled(place["state"]):
            self.named(model, version, use)
        if table is not None:
            self._table(table, place["table_version"], Use(Why.LABEL_TIME, model))

    def named(self, model: str, version: int, use: Use) -> None:
        """A version by its number."""
        self._named.append((model, version, use))

    def all(self) -> References:
        numbers = {(model, version): uri for uri, (model, _, version) in self._artifacts.items()}
        for model, version, use in self._named:
            if (model, version) in numbers:
                self._uses[numbers[model, version]].add(use)
        artifacts = {
            uri: ArtifactUse(model=m, uri=uri, digest=digest, version=version, uses=frozenset(self._uses[uri]))
            for uri, (m, digest, version) in sorted(self._artifacts.items())
        }
        tables = {
            uri: TableUse(uri=uri, versions={n: frozenset(uses) for n, uses in sorted(versions.items())})
            for uri, versions in sorted(self._tables.items())
        }
        return References(artifacts=artifacts, tables=tables)

    def _arm(self, model: str, ref: Row, use: Use) -> None:
        self._artifact(model, ref["artifact_uri"], ref["manifest_digest"], ref["version"], use)
        data_set = ref["data_set"]
        if data_set["table_uri"]:  # that of an imported version names none
            learned = Use(Why.LEARNED, f"{model} version {ref['version']}")
            self._table(data_set["table_uri"], data_set["table_version"], learned)

    def _artifact(self, model: str, uri: str, digest: str, version: int, use: Use) -> None:
        self._artifacts[uri] = (model, digest, version)
        self._uses.setdefault(uri, set()).add(use)

    def _table(self, uri: str, version: int, use: Use) -> None:
        self._tables.setdefault(uri, {}).setdefault(version, set()).add(use)


def _pooled(state: Row) -> Iterator[int]:
    """Versions that label time asks, or has asked, and mixtures' members."""
    pool = state.get("pool") or {}
    if pool.get("champion") is not None:
        yield pool["champion"]
    for member in pool.get("members") or ():
        yield member["version"]
        yield from (int(version) for version, _ in member.get("mixture") or ())
