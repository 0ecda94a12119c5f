"""A run as a row, and a row as the event that tells of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.contracts.events.platform import RetrainRequest, RetrainRun
from tidemill.ids import deterministic_id
from tidemill_learning.admission import MIXTURE, AdmissionDecision, PastRun
from tidemill_trainer.mixture.shares import shares_in

TOLD = (
    "run_id", "request_id", "model", "cause", "state", "reason", "version", "artifact", "gate", "metrics",
    "change_point", "outcome",
)  # fmt: skip
"""Columns that stand in the event under the same name."""


def new_row(request: RetrainRequest, traceparent: str, decision: AdmissionDecision, now_ms: int) -> dict[str, Any]:
    """The row of a request that has just been decided on. Its run id follows from the request's id."""
    return {
        "run_id": deterministic_id("run", request.request_id),
        "request_id": request.request_id,
        "model": request.model,
        "cause": request.cause,
        "fingerprint": request.fingerprint,
        "evidence": [evidence.to_dict() for evidence in request.evidence],
        "requested_by": request.requested_by,
        "requested_at": request.requested_at,
        "event_time": request.event_time,
        "traceparent": traceparent,
        "state": "accepted" if decision.admitted else "refused",
        "reason": decision.reason,
        "attempts": 0,
        "lease_owner": None,
        "lease_token": None,
        "lease_until": None,
        "version": None,
        "artifact": None,
        "gate": [],
        "metrics": {},
        "start_offsets": [],
        "change_point": request.change_point.to_dict() if request.change_point else None,
        "cut_off": request.cut_off,
        "outcome": None,
        "contest": None,
        "created_at": now_ms,
        "changed_at": now_ms,
    }


def event_id(row: Mapping[str, Any]) -> str:
    """The same for the same run and state, at every attempt."""
    return f"{row['run_id']}/{row['state']}"


def event(row: Mapping[str, Any]) -> dict[str, Any]:
    """The datum of the run's `RetrainRun` event."""
    columns = {name: row[name] for name in TOLD}
    mixture = [{"version": version, "weight": weight} for version, weight in shares_in(row["evidence"])]
    columns |= {"event_id": event_id(row), "start_offsets": row["start_offsets"], "at": row["changed_at"]}
    return columns | {"mixture": mixture or None}


def told(datum: Mapping[str, Any]) -> RetrainRun:
    """The event in such a datum, which may have been written before there were change points and outcomes."""
    return RetrainRun.from_dict({"change_point": None, "outcome": None, **datum})


def past_run(row: Mapping[str, Any]) -> PastRun:
    """A run as admission sees it: one that made a mixture is none that learned."""
    cause = MIXTURE if shares_in(row["evidence"]) else row["cause"]
    return PastRun(
        row["request_id"], cause, row["fingerprint"], row["state"], row["event_time"], row["version"], row["created_at"]
    )
