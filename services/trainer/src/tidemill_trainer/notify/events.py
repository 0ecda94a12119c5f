"""From the loop's events to what people are told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from tidemill.contracts.events.platform import Action, DriftEvent, ModelRelease, RetrainRun
from tidemill.ids import deterministic_id
from tidemill.notify.links import filled
from tidemill.notify.notice import Kind, Notice, one_line
from tidemill_trainer.release.transitions import UNREADABLE_CHAMPION

RUNBOOKS: Mapping[Kind, str] = {
    "retrain_failed": "training", "rolled_back": "rollback", "drift": "drift-storm", "approval_wanted": "approval",
}  # fmt: skip
BACK: tuple[Action, ...] = ("rolled_back", "rejected")
SAME_RECORD: tuple[Action, ...] = ("approved", "rejected")
"""They may leave what is published as it was, with the time of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Makes notices. `links`: templates of addresses by what they show; `asks_approval`: whether releases of a model
    begin with a person's approval; `serves`: whether any version of it does; `since`: runs and releases of before (ms)
    were told long ago, and are read again.
    """

    links: Mapping[str, str | None]
    asks_approval: Callable[[str], bool]
    serves: Callable[[str], bool]
    since: Callable[[], int] = lambda: 0

    def of_run(self, run: RetrainRun, trace_id: str = "") -> list[Notice]:
        """A run that has ended; and that a person is waited for, where its version cannot be released without one."""
        if run.state not in ("finished", "failed") or run.at < self.since():
            return []
        kind: Kind = "retrain_finished" if run.state == "finished" else "retrain_failed"
        made = self._notice(
            run.event_id, kind, run.model, _run_title(run), run.reason, run.at,
            dict(run.metrics), version=run.version, run_id=run.run_id, trace_id=trace_id,
        )  # fmt: skip
        if not self._waits_for_a_person(run):
            return [made]
        wanted = self._approval(run.event_id, run.model, run.version, run.at, run.reason, trace_id)
        return [made, wanted]

    def of_release(self, release: ModelRelease, trace_id: str = "") -> list[Notice]:
        """A change of what serves, or of a trial. A command that was refused is told to whoever gave it, and to nobody
        else.
        """
        published, at = release.published, release.published.published_at
        if release.action == "refused" or (release.action not in SAME_RECORD and at < self.since()):
            return []
        challenger = published.challenger
        if release.action == "started" and challenger is not None and self._begins_with_approval(release):
            number = challenger.version
            return [self._approval(release.release_id, published.model, number, at, release.reason, trace_id)]
        kind: Kind = "rolled_back" if release.action in BACK else "release_moved"
        number = (challenger or published.champion).version
        text = f"{release.reason} (by {release.by})"
        title = f"{published.model}: {_move(release)}"
        figures = {"epoch": float(published.epoch), "challenger_share": published.challenger_share}
        return [
            self._notice(
                release.release_id, kind, published.model, title, text, at, figures, version=number, trace_id=trace_id
            )
        ]  # fmt: skip

    def of_drift(self, event: DriftEvent, trace_id: str = "") -> list[Notice]:
        """A detector has found something."""
        what = event.failure.replace("_", " ") if event.failure else f"{event.kind} drift"
        title = f"{event.model}: {what}, {event.subject}"
        figures = {"statistic": event.statistic, "threshold": event.threshold, "records": float(event.records)}
        text = f"{event.detail} ({event.detector})"
        return [
            self._notice(
                event.event_id, "drift", event.model, title, text, event.ended_at, figures,
                version=event.version, trace_id=trace_id,
            )
        ]  # fmt: skip

    def _waits_for_a_person(self, run: RetrainRun) -> bool:
        if run.state != "finished" or run.version is None or run.outcome == "undecided":
            return False
        alone = any(evidence.detector == UNREADABLE_CHAMPION for evidence in run.gate)
        return alone or (self.asks_approval(run.model) and not self.serves(run.model))

    def _begins_with_approval(self, release: ModelRelease) -> bool:
        return release.published.challenger_share == 0 and self.asks_approval(release.published.model)

    def _approval(self, event: str, model: str, number: int | None, at: int, reason: str, trace_id: str) -> Notice:
        text = f"{reason}\nIt goes on with: tidemill release approve {model} --version {number}"
        title = f"{model}: version {number} waits for a person's approval"
        return self._notice(event, "approval_wanted", model, title, text, at, {}, version=number, trace_id=trace_id)

    def _notice(
        self, event: str, kind: Kind, model: str, title: str, text: str, at: int, figures: Mapping[str, float],
        *, version: int | None = None, run_id: str = "", trace_id: str = "",
    ) -> Notice:  # fmt: skip
        values = {
            "model": model, "version": version, "run_id": run_id, "trace_id": trace_id, "runbook": RUNBOOKS.get(kind),
        }  # fmt: skip
        known = {name: value for name, value in figures.items() if isfinite(value)}  # JSON has no others
        return Notice(
            notice_id=deterministic_id("notice", kind, event), kind=kind, model=one_line(model), title=one_line(title),
            text=text, at=at, figures=known, links=filled(self.links, values),
        )  # fmt: skip


def of_kinds(notices: Iterable[Notice], kinds: frozenset[Kind]) -> list[Notice]:
    """Those that are told."""
    return [notice for notice in notices if notice.kind in kinds]


def _run_title(run: RetrainRun) -> str:
    if run.state == "failed":
        return f"{run.model}: training failed ({run.cause})"
    if run.version is None:
        return f"{run.model}: training made no version ({run.cause})"
    return f"{run.model}: training made version {run.version} ({run.cause})"


def _move(release: ModelRelease) -> str:
    published = release.published
    champion, share = published.champion.version, f"{published.challenger_share:.0%}"
    trial = published.challenger.version if published.challenger is not None else champion
    return {
        "promoted": f"version {champion} serves",
        "started": f"version {trial} is on trial ({published.mode}, {share} of requests)",
        "advanced": f"the trial of version {trial} goes on ({share} of requests)",
        "approved": f"version {trial} was approved",
        "rolled_back": f"rolled back, version {champion} serves",
        "rejected": f"a version was rejected, version {champion} serves on",
    }.get(release.action, f"{release.action}, version {champion} serves")
