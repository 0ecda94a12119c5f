"""Where label time is, in SQL: every step of it is one transaction with what it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from tidemill.clock import Clock
from tidemill.contracts.events.platform import DriftEvent, Evidence
from tidemill.errors import RetryLater
from tidemill_learning.label_time.contest import Contest
from tidemill_trainer.runs.database import transaction
from tidemill_trainer.runs.tables import alarms, label_time, outbox, runs, takeovers


class Moved(RetryLater):
    """Another process has moved label time on: what this one knows of it counts no longer."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One model's label time. `state`: `LabelTime.to_state`; `table_version`: all newly labelled rows of this version
    of the table were taken, and `taken` of the next one's; `request_id`: of the fit that is awaited.
    """

    model: str
    state: Mapping[str, Any]
    table_version: int
    taken: int = 0
    request_id: str | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class OpenTakeover:
    """A version that takes over from `over`, and that *release* has not dealt with yet."""

    takeover_id: str
    model: str
    version: int
    over: int
    evidence: tuple[Evidence, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Fit:
    """What became of a request. `contest`: what the run's hold-out told (`wealth`, `labels`, `spread`, `against`)."""

    state: str
    reason: str
    version: int | None
    contest: Mapping[str, Any] | None

    @property
    def open(self) -> bool:
        """Whether it is still being worked on, or waits for it."""
        return self.state in ("accepted", "started")

    def against(self, champion: int | None) -> Contest | None:
        """What the hold-out told; nothing where it was held against another version than the one that serves by now."""
        told = self.contest or {}
        if told.get("wealth") is None or told.get("against", champion) != champion:
            return None
        return Contest(told["wealth"], told["labels"])


@dataclass(frozen=True, slots=True)
class Basis:
    """What label time had come to when it asked for a fit: nothing else is learned from, or to be beaten.

    `champion`: the version that serves there, whatever *release* has come to; `table_version`: all rows that are
    labelled in this version of the table, and `taken` of those that the next one labels.
    """

    champion: int | None
    table_version: int
    taken: int = 0


class LabelTimeStore:
    """Thread-safe. Each method is one transaction and raises `RetryLater` while the database is away."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def load(self, model: str) -> Kept | None:
        """Where label time is; None where it has not begun."""
        names = ("model", "state", "table_version", "taken", "request_id", "revision")
        columns = [label_time.c[name] for name in names]
        with transaction(self._engine) as connection:
            row = connection.execute(select(*columns).where(label_time.c.model == model)).first()
        return None if row is None else Kept(**row._mapping)

    def basis(self, model: str, request_id: str) -> Basis | None:
        """What the fit that this request asks for rests on; None where label time does not wait for it (any more)."""
        kept = self.load(model)
        if kept is None or kept.request_id != request_id:
            return None
        return Basis(kept.state["pool"]["champion"], kept.table_version, kept.taken)

    def begin(self, kept: Kept) -> Kept:
        """Label time begins here."""
        with transaction(self._engine) as connection:
            connection.execute(insert(label_time).values(self._row(kept)))
        return kept

    def keep(self, kept: Kept, new: Sequence[OpenTakeover] = (), found: Sequence[DriftEvent] = ()) -> Kept:
        """Move on from the revision that `kept` names, with versions that take over and what was found; gives what is
        kept now.
        """
        with transaction(self._engine) as connection:
            return self.keep_in(connection, kept, new, found)

    def keep_in(
        self, connection: Connection, kept: Kept, new: Sequence[OpenTakeover] = (), found: Sequence[DriftEvent] = ()
    ) -> Kept:
        """The same in a transaction of somebody else. Raises `Moved` where another process was first."""
        moved = replace(kept, revision=kept.revision + 1)
        mine = (label_time.c.model == kept.model) & (label_time.c.revision == kept.revision)
        if connection.execute(update(label_time).where(mine).values(self._row(moved))).rowcount != 1:
            raise Moved(f"label time of {kept.model} was moved by another process: it is read again")
        for one in new:
            if connection.scalar(select(takeovers.c.id).where(takeovers.c.takeover_id == one.takeover_id)) is None:
                connection.execute(insert(takeovers).values(self._takeover(one)))
        for event in found:
            if connection.scalar(select(alarms.c.id).where(alarms.c.event_id == event.event_id)) is None:
                values = {"event_id": event.event_id, "model": event.model, "event": event.to_dict()}
                connection.execute(insert(alarms).values(**values))
        return moved

    def untold(self, most: int = 100) -> list[tuple[int, DriftEvent]]:
        """The oldest alarms that are not known to have been sent, each with its row, in the order of their writing."""
        waiting = select(alarms).where(alarms.c.sent_at.is_(None)).order_by(alarms.c.id).limit(most)
        with transaction(self._engine) as connection:
            return [(row.id, DriftEvent.from_dict(row.event)) for row in connection.execute(waiting)]

    def mark_told(self, rows: Sequence[int]) -> None:
        """These alarms are stored on the topic."""
        with transaction(self._engine) as connection:
            connection.execute(update(alarms).where(alarms.c.id.in_(rows)).values(sent_at=self._clock.now_ms()))

    def fit(self, request_id: str) -> Fit | None:
        """What became of this request; None where it is not known."""
        wanted = select(runs.c.state, runs.c.reason, runs.c.version, runs.c.contest)
        with transaction(self._engine) as connection:
            row = connection.execute(wanted.where(runs.c.request_id == request_id)).first()
        return None if row is None else Fit(*row)

    def open_takeovers(self, model: str | None = None) -> list[OpenTakeover]:
        """Those that *release* has not dealt with, oldest first."""
        waiting = select(takeovers).where(takeovers.c.outcome.is_(None))
        if model is not None:
            waiting = waiting.where(takeovers.c.model == model)
        with transaction(self._engine) as connection:
            return [_open(row) for row in connection.execute(waiting.order_by(takeovers.c.id))]

    def trace_of(self, model: str, version: int) -> str | None:
        """The trace context that goes on from the run which made this version; None where that is not known."""
        made = (runs.c.model == model) & (runs.c.version == version) & (runs.c.state == "finished")
        told = outbox.c.event_id == runs.c.run_id + "/finished"
        with transaction(self._engine) as connection:
            found: str | None = connection.scalar(select(outbox.c.traceparent).join(runs, told).where(made))
        return found

    def settle(self, takeover_id: str, outcome: str) -> None:
        """*release* has dealt with it."""
        with transaction(self._engine) as connection:
            mine = takeovers.c.takeover_id == takeover_id
            connection.execute(update(takeovers).where(mine).values(outcome=outcome))

    def _row(self, kept: Kept) -> dict[str, Any]:
        return {
            "model": kept.model, "state": dict(kept.state), "table_version": kept.table_version, "taken": kept.taken,
            "request_id": kept.request_id, "revision": kept.revision,
            "changed_at": self._clock.now_ms(),
        }  # fmt: skip

    def _takeover(self, one: OpenTakeover) -> dict[str, Any]:
        return {
            "takeover_id": one.takeover_id, "model": one.model, "version": one.version, "over": one.over,
            "evidence": [evidence.to_dict() for evidence in one.evidence], "reason": one.reason,
            "at": self._clock.now_ms(), "outcome": None,
        }  # fmt: skip


def _open(row: Row[Any]) -> OpenTakeover:
    evidence = tuple(Evidence.from_dict(item) for item in row.evidence)
    return OpenTakeover(row.takeover_id, row.model, row.version, row.over, evidence, row.reason)
