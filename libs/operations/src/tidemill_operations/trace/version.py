"""A version's own trace: from the epoch that predicted back to its training run, cause and data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidemill_operations.erase.acts import told_erased
from tidemill_operations.feed import News, read_all
from tidemill_operations.lifecycle.row_acts import told_gone
from tidemill_operations.platform import PlatformView


@dataclass(slots=True)
class VersionTrace:
    """Where a version comes from. `events`: (what, place, time in ms, facts) in the order of their times; `erased`:
    what rows of its data set were erased, or have gone by retention, in words.
    """

    version: int
    epoch: int
    champion: dict[str, Any] | None = None
    events: list[tuple[str, str, int, dict[str, Any]]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)


def version_trace(view: PlatformView, model: str, epoch: int, version: int) -> VersionTrace:
    """Reads the platform's own (small) topics for the version that served at `epoch`.

    The history in `model-releases` is kept for ever; `model-versions` has only the newest state.
    """
    trace = VersionTrace(version, epoch)
    for item in read_all(view, "model_releases", model):
        if item.datum["published"]["epoch"] == epoch:
            trace.champion = _arm(item.datum["published"], version)
            facts = {"action": item.datum["action"], "by": item.datum["by"], "reason": item.datum["reason"]}
            _add(trace, view, "released", item, facts)
    if trace.champion is None:
        return trace
    for item in read_all(view, "model_versions", model):
        if item.datum["epoch"] == epoch:
            _add(trace, view, "to be served", item, {"mode": item.datum["mode"]})
    requests: set[str] = set()
    for item in read_all(view, "retrain_runs", model):
        if item.datum["run_id"] == trace.champion["run_id"]:
            requests.add(item.datum["request_id"])
            facts = {"run": item.datum["run_id"], "cause": item.datum["cause"]} | item.datum["metrics"]
            shares = {f"version {one['version']}": one["weight"] for one in item.datum.get("mixture") or ()}
            what = "mixing" if shares else "training"
            _add(trace, view, f"{what} {item.datum['state']}", item, facts | shares)
    for item in read_all(view, "retrain_requests", model):
        if item.datum["request_id"] in requests:
            evidence = [entry["detail"] or entry["subject"] for entry in item.datum["evidence"]]
            facts = {"cause": item.datum["cause"], "by": item.datum["requested_by"], "evidence": evidence}
            _add(trace, view, "training asked for", item, facts)
    learned = trace.champion["data_set"]
    trace.erased = [*told_erased(view, model, learned), *told_gone(view, model, learned)]
    trace.events.sort(key=lambda event: event[2])
    return trace


def _arm(published: dict[str, Any], version: int) -> dict[str, Any]:
    """The reference of the arm that has this version."""
    challenger = published.get("challenger")
    chosen = challenger if challenger and challenger["version"] == version else published["champion"]
    return dict(chosen)


def _add(trace: VersionTrace, view: PlatformView, what: str, item: News, facts: dict[str, Any]) -> None:
    place = f"{view.topics.name(item.role)}/{item.partition}/{item.offset}"
    trace.events.append((what, place, item.at_ms, facts))
