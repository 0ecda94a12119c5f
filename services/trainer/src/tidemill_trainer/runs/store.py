"""Runs in SQL: the truth about every retrain request, and the outbox of what is told about it.

Each method is one transaction. A change of a run and the event that tells of it are written together.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, or_, select, update

from tidemill.clock import Clock
from tidemill.contracts.events.changes import ChangePoint
from tidemill.contracts.events.platform import Evidence, ModelRef, RetrainRequest, RetrainRun
from tidemill.errors import TidemillError
from tidemill_learning.admission import AdmissionDecision, PastRun
from tidemill_trainer.mixture.shares import Shares, shares_in
from tidemill_trainer.runs.database import transaction
from tidemill_trainer.runs.rows import event, event_id, new_row, past_run, told
from tidemill_trainer.runs.tables import outbox, runs, versions

Decide = Callable[[Sequence[PastRun]], AdmissionDecision]
Also = Callable[[Connection], None]
"""What is written in the transaction of something else."""


class LeaseLost(TidemillError):
    """The run has been given to another, or has ended: what is still being done for it must be dropped."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this process may work on, until the lease runs out. `mixture`: it is to make one of these versions."""

    run_id: str
    model: str
    cause: str
    request_id: str
    event_time_ms: int
    traceparent: str
    token: str
    attempt: int
    evidence: tuple[Evidence, ...] = ()
    change_point: ChangePoint | None = None
    cut_off: int | None = None
    mixture: Shares = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event of the outbox that has not been sent (or is not known to be)."""

    id: int
    event: RetrainRun
    traceparent: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run leaves: `version` and `artifact` unless the gate said `failed`. `outcome`: passed, undecided
    or failed; `contest`: what its hold-out told against the champion.
    """

    reason: str
    gate: tuple[Evidence, ...]
    metrics: Mapping[str, float]
    start_offsets: tuple[int, ...]
    version: int | None = None
    artifact: ModelRef | None = None
    outcome: str | None = None
    contest: Mapping[str, Any] | None = None


class RunStore:
    """The trainer's runs. Thread-safe; `owner` is stable over restarts of this process, `token` is not."""

    def __init__(self, engine: Engine, clock: Clock, owner: str, lease_s: float, max_attempts: int) -> None:
        self._engine = engine
        self._clock = clock
        self._owner = owner
        self._lease_ms = int(lease_s * 1000)
        self._max_attempts = max_attempts

    def ping(self) -> None:
        """Raise where the database does not answer."""
        with self._begin() as connection:
            connection.execute(select(1))

    def admit(
        self, request: RetrainRequest, traceparent: str, decide: Decide, also: Also = lambda connection: None
    ) -> AdmissionDecision | None:
        """Decide on a request and record it, accepted or refused. `None` if it was recorded before (a repeat). `also`:
        written in the same transaction, in any case.
        """
        with self._begin() as connection:
            also(connection)
            if connection.scalar(select(runs.c.run_id).where(runs.c.request_id == request.request_id)):
                return None
            decision = decide(_past(connection, request.model))
            row = new_row(request, traceparent, decision, self._clock.now_ms())
            connection.execute(insert(runs).values(row))
            self._tell(connection, row)
            return decision

    def has_version(self, model: str) -> bool:
        """Whether any version of the model has been made."""
        with self._begin() as connection:
            return connection.scalar(select(versions.c.version).where(versions.c.model == model).limit(1)) is not None

    def past(self, model: str) -> list[PastRun]:
        """The admitted runs of a model, oldest first."""
        with self._begin() as connection:
            return _past(connection, model)

    def release_own_leases(self) -> int:
        """At the start: what an earlier life of this process had claimed may be claimed at once."""
        mine = (runs.c.state == "started") & (runs.c.lease_owner == self._owner)
        with self._begin() as connection:
            return int(connection.execute(update(runs).where(mine).values(lease_until=0)).rowcount)

    def claim(self) -> Claim | None:
        """Take the oldest run that is waiting, or whose owner has been silent for longer than its lease.

        A run begun too often is failed instead, and the next one is looked at.
        """
        with self._begin() as connection:
            while (row := self._claimable(connection)) is not None:
                if row.attempts >= self._max_attempts:
                    self._finish(connection, row, "failed", {"reason": _given_up(row)})
                    continue
                token = uuid.uuid4().hex
                change = {
                    "state": "started", "attempts": row.attempts + 1, "lease_owner": self._owner,
                    "lease_token": token, "lease_until": self._clock.now_ms() + self._lease_ms,
                    "changed_at": self._clock.now_ms(), "reason": f"attempt {row.attempts + 1}",
                }  # fmt: skip
                connection.execute(update(runs).where(runs.c.run_id == row.run_id).values(change))
                self._tell(connection, {**row._mapping, **change})
                return Claim(
                    row.run_id, row.model, row.cause, row.request_id, row.event_time, row.traceparent, token,
                    row.attempts + 1, tuple(Evidence.from_dict(item) for item in row.evidence),
                    ChangePoint.from_dict(row.change_point) if row.change_point else None, row.cut_off,
                    shares_in(row.evidence),
                )  # fmt: skip
            return None

    def extend(self, claim: Claim) -> None:
        """Heartbeat. Raises `LeaseLost`."""
        self._change(claim, {"lease_until": self._clock.now_ms() + self._lease_ms})

    def give_back(self, claim: Claim) -> None:
        """Give the run up unharmed (a shutdown): it may be claimed again at once and the attempt does not
        count.
        """
        self._change(
            claim,
            {"state": "accepted", "lease_until": None, "lease_token": None, "attempts": claim.attempt - 1},
        )

    def retry(self, claim: Claim, reason: str = "") -> None:
        """The attempt came to nothing for a passing reason: the run may be claimed again; the attempt counts."""
        self._change(claim, {"lease_until": 0} | ({"reason": reason} if reason else {}))

    def waits(self, claim: Claim, reason: str) -> None:
        """The run is ours still and waits for something outside: told once for each reason."""
        with self._begin() as connection:
            row = self._locked(connection, claim)
            if row.reason == reason:
                return
            change = {"reason": reason, "changed_at": self._clock.now_ms()}
            connection.execute(update(runs).where(runs.c.run_id == claim.run_id).values(change))
            self._tell(connection, {**row._mapping, **change}, more=f"/{self._clock.now_ms()}")

    def version_of(self, claim: Claim) -> int:
        """The run's version: the next integer of its model, the same one at every call."""
        with self._begin() as connection:
            self._locked(connection, claim)
            known = connection.scalar(select(versions.c.version).where(versions.c.run_id == claim.run_id))
            if known is not None:
                return int(known)
            last = connection.scalar(select(func.max(versions.c.version)).where(versions.c.model == claim.model))
            number = int(last or 0) + 1
            connection.execute(insert(versions).values(model=claim.model, version=number, run_id=claim.run_id))
            return number

    def finish(self, claim: Claim, outcome: Outcome) -> None:
        """Write the outcome and its event. Raises `LeaseLost`: then nothing of it counts."""
        with self._begin() as connection:
            self._finish(connection, self._locked(connection, claim), "finished", {
                "reason": outcome.reason,
                "gate": [evidence.to_dict() for evidence in outcome.gate],
                "metrics": dict(outcome.metrics),
                "start_offsets": list(outcome.start_offsets),
                "version": outcome.version,
                "artifact": outcome.artifact.to_dict() if outcome.artifact else None,
                "outcome": outcome.outcome,
                "contest": dict(outcome.contest) if outcome.contest else None,
            }, claim.traceparent)  # fmt: skip

    def fail(self, claim: Claim, reason: str) -> None:
        """The run has failed for good."""
        with self._begin() as connection:
            self._finish(connection, self._locked(connection, claim), "failed", {"reason": reason}, claim.traceparent)

    def artifact(self, model: str, version: int) -> tuple[ModelRef, tuple[int, ...]] | None:
        """Reference and data-set end of a finished version."""
        wanted = (runs.c.model == model) & (runs.c.version == version) & (runs.c.state == "finished")
        with self._begin() as connection:
            row = connection.execute(select(runs.c.artifact, runs.c.start_offsets).where(wanted)).first()
        return (ModelRef.from_dict(row.artifact), tuple(row.start_offsets)) if row is not None else None

    def unsent(self, most: int = 100) -> list[Outgoing]:
        """The oldest events that are not known to have been sent, in the order in which they were written."""
        with self._begin() as connection:
            rows = connection.execute(
                select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.id).limit(most)
            )
            return [Outgoing(row.id, told(row.event), row.traceparent) for row in rows]

    def mark_sent(self, ids: Sequence[int]) -> None:
        """These events are stored on the topic."""
        with self._begin() as connection:
            connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(sent_at=self._clock.now_ms()))

    def asked_by(self, run_id: str) -> str | None:
        """Who asked for this run; None where it is not known."""
        with self._begin() as connection:
            return connection.scalar(select(runs.c.requested_by).where(runs.c.run_id == run_id))

    def _begin(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine)

    def _claimable(self, connection: Connection) -> Row[Any] | None:
        expired = (runs.c.state == "started") & (runs.c.lease_until < self._clock.now_ms())
        wanted = select(runs).where(or_(runs.c.state == "accepted", expired)).order_by(runs.c.created_at, runs.c.run_id)
        return connection.execute(wanted.limit(1)).first()

    def _locked(self, connection: Connection, claim: Claim) -> Row[Any]:
        held = (runs.c.run_id == claim.run_id) & (runs.c.lease_token == claim.token) & (runs.c.state == "started")
        row = connection.execute(select(runs).where(held)).first()
        if row is None:
            raise LeaseLost(f"run {claim.run_id} is no longer ours")
        return row

    def _change(self, claim: Claim, change: dict[str, Any]) -> None:
        with self._begin() as connection:
            self._locked(connection, claim)
            connection.execute(update(runs).where(runs.c.run_id == claim.run_id).values(change))

    def _finish(
        self, connection: Connection, row: Row[Any], state: str, change: dict[str, Any], traceparent: str | None = None
    ) -> None:
        change = change | {
            "state": state, "changed_at": self._clock.now_ms(), "lease_token": None, "lease_until": None,
        }  # fmt: skip
        connection.execute(update(runs).where(runs.c.run_id == row.run_id).values(change))
        self._tell(connection, {**row._mapping, **change}, traceparent)

    def _tell(
        self, connection: Connection, row: Mapping[str, Any], traceparent: str | None = None, more: str = ""
    ) -> None:
        """Put the event of the run's state into the outbox, with the context that its trace goes on from (None: the
        request's); a state that was told before is not told again, unless there is `more` to its id.
        """
        name = event_id(row) + more
        if connection.scalar(select(outbox.c.id).where(outbox.c.event_id == name)) is not None:
            return
        values = {
            "event_id": name,
            "model": row["model"],
            "event": event(row) | {"event_id": name},
            "traceparent": traceparent or row["traceparent"],
        }
        connection.execute(insert(outbox).values(values))


def _given_up(row: Row[Any]) -> str:
    last = "" if row.reason.startswith("attempt ") else f": {row.reason}"
    return f"given up after {row.attempts} attempts" + (last or ": the last one ended without a word (killed?)")


def _past(connection: Connection, model: str) -> list[PastRun]:
    wanted = (
        select(runs)
        .where((runs.c.model == model) & (runs.c.state != "refused"))
        .order_by(runs.c.created_at, runs.c.run_id)
    )
    return [past_run(dict(row._mapping)) for row in connection.execute(wanted)]
