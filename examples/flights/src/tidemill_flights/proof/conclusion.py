"""What a run has come to: the topics read back, the verdict, the summary."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from tidemill.contracts.model_file import ModelSpec
from tidemill_flights.chaos.kills import Kill
from tidemill_flights.feed.rest_clients import IngestState, RestState
from tidemill_flights.live import LiveState
from tidemill_flights.memory import MemoryWatch
from tidemill_flights.proof.audit import ENOUGH_LABELLED, Audit, Auditor
from tidemill_flights.proof.report import summarise
from tidemill_flights.proof.scoring import Comparison
from tidemill_flights.proof.summary import Condition, Verdict, judge, judge_control, published_versions
from tidemill_operations.platform import PlatformView


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen while the demo ran. `spared`: processes that were to be killed and were not; `seconds`:
    from the first push until everything was settled.
    """

    live: LiveState
    rest: RestState
    ingest: IngestState
    kills: list[Kill]
    spared: list[str]
    seconds: float
    broker_name: str


def conclude(
    view: PlatformView, spec: ModelSpec, seen: Seen, memory: MemoryWatch, control: bool, killing: bool
) -> tuple[Verdict, dict[str, Any]]:
    """Reads the topics back and judges: the verdict, and the content of `summary.json`.

    `memory` is watched until the topics are read, and stopped here. `control`: nothing may have been
    retrained for drift.
    """
    began = time.monotonic()
    auditor = Auditor(view, spec)
    audit = auditor.audit()
    comparison = _compare(auditor, audit, seen.live)
    memory.stop()
    verdict = _verdict(seen, audit, control, killing)
    summary = summarise(
        verdict, seen.live, audit, seen.rest, seen.ingest, comparison, spec.training.metric, seen.seconds,
        memory, broker_parts(seen.broker_name), seen.kills,
    )  # fmt: skip
    reading = round(time.monotonic() - began, 1)
    summary |= {"audit_seconds": reading, "seconds": round(seen.seconds + reading, 1)}
    return verdict, summary


def _compare(auditor: Auditor, audit: Audit, live: LiveState) -> Comparison | None:
    """The first version against the last one, on the rows after its swap; a swap that came too late to have
    enough labelled rows after it leaves its place to the one before.
    """
    changes = published_versions(live)
    for item in reversed(changes[1:]):
        found = auditor.score(audit, item.epoch, dict(changes[0].champion), dict(item.champion))
        if found.rows >= ENOUGH_LABELLED:
            return found
    return None


def _verdict(seen: Seen, audit: Audit, control: bool, killing: bool) -> Verdict:
    live, rest, ingest = seen.live, seen.rest, seen.ingest
    seconds = (rest.ended or 0.0) - (rest.began or 0.0)
    if control:
        verdict = judge_control(live, audit, rest, seconds)
    else:
        verdict = judge(live, audit, rest, seconds, killing)
    if killing:
        verdict.conditions.append(_killed(seen))
    found = f"{ingest.accepted:,} accepted, {ingest.refused} refused {ingest.first_refusal}"
    taken = ingest.refused == ingest.waiting == 0
    verdict.conditions.append(Condition(taken, "ingest takes every good event", found.strip()))
    return verdict


def _killed(seen: Seen) -> Condition:
    unbitten = [*seen.spared, *(kill.process for kill in seen.kills if not kill.bitten)]
    found = f"not killed at work: {', '.join(unbitten)}" if unbitten else f"{len(seen.kills)} kills"
    return Condition(not unbitten, "each process but the broker is killed once while it works", found)


def broker_parts(name: str) -> dict[str, str]:
    """Such as `Apache Kafka 4.1.1 (embedded)`, in name and version."""
    found = re.fullmatch(r"(.+?) (\d+(?:\.\d+)+)(?: .*)?", name)
    return {"name": found[1], "version": found[2]} if found else {"name": name, "version": "unknown"}
