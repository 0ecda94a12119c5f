"""One frame of `tidemill top`: what is known of each model, and what happened last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tidemill_operations.feed import News
from tidemill_operations.loop_view.counts import Step
from tidemill_operations.standing.label_counts import LabelsMet

LAST: Final = 50
"""Happenings that are kept."""
ROLES: Final = (
    "model_versions", "model_releases", "retrain_requests", "retrain_runs", "drift_events", "validator_controls",
)  # fmt: skip
"""What is followed for a frame."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that a platform topic tells of, in one sentence. `kind`: drift, asked, run, refused, release, paused or
    resumed.
    """

    at_ms: int
    model: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelFrame:
    """One model. `version` None where none serves; `trial`: version and share of predictions of one on trial; `drifts`
    and `runs`: how many events and training runs the topics hold; `dead_exact`: else there are at most so many.
    """

    model: str
    version: int | None
    epoch: int | None
    trial: tuple[int, float] | None
    wanted: int
    steps: tuple[Step, ...]
    labels: LabelsMet
    dead: int
    dead_exact: bool
    drifts: int
    runs: int
    refused: int
    run: str
    paused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is shown at `at_ms` (epoch). `problem`: why the newest look failed, the rest is of the one before; empty
    where it did not.
    """

    at_ms: int
    bootstrap: str
    models: tuple[ModelFrame, ...]
    happened: tuple[Happened, ...]
    problem: str = ""

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "at": moment(self.at_ms),
            "bootstrap": self.bootstrap,
            "problem": self.problem or None,
            "models": [_model_facts(model) for model in self.models],
            "happened": [_happened_facts(one) for one in self.happened],
        }


def _model_facts(model: ModelFrame) -> dict[str, Any]:
    facts = asdict(model)
    trial = model.trial
    facts["trial"] = None if trial is None else {"version": trial[0], "share": trial[1]}
    return facts


def _happened_facts(one: Happened) -> dict[str, Any]:
    return {"at": moment(one.at_ms), "model": one.model, "kind": one.kind, "text": one.text}


def moment(ms: int) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="seconds")


class Story:
    """What the platform's topics have told so far, by model. Repeats of an event are dropped."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()
        self._newest: dict[tuple[str, str, str], News] = {}
        self._drifts: dict[str, int] = {}
        self._happened: list[Happened] = []

    def take(self, news: Iterable[News], identity: Any) -> None:
        """More records, in the order of their topics. `identity`: what repeats of an event have in common."""
        for item in sorted(news, key=lambda one: one.at_ms):
            key = item.role, identity(item)
            if key in self._seen or not item.datum:
                continue
            self._seen.add(key)
            model = str(item.datum.get("model") or item.datum["published"]["model"])
            self._newest[model, item.role, _part(item)] = item
            self._drifts[model] = self._drifts.get(model, 0) + (item.role == "drift_events")
            if happened := told(item, model):
                self._happened.append(happened)
        self._happened = sorted(self._happened, key=lambda one: one.at_ms)[-LAST:]

    @property
    def happened(self) -> tuple[Happened, ...]:
        """What happened last, oldest first."""
        return tuple(self._happened)

    def of(
        self, model: str, wanted: int, steps: tuple[Step, ...], labels: LabelsMet, dead: tuple[int, bool]
    ) -> ModelFrame:
        """The frame of one model. `wanted`: labelled rows that a first version needs; `dead`: open letters, and whether
        that is exact.
        """
        serving = max(self._all(model, "model_versions"), key=lambda one: int(one["epoch"]), default=None)
        runs = self._all(model, "retrain_runs")
        controls = self._all(model, "validator_controls")
        return ModelFrame(
            model=model, version=serving["champion"]["version"] if serving else None,
            epoch=serving["epoch"] if serving else None,
            trial=_trial(serving), wanted=wanted, steps=steps, labels=labels, dead=dead[0], dead_exact=dead[1],
            drifts=self._drifts.get(model, 0), runs=sum(run["state"] != "refused" for run in runs),
            refused=sum(run["state"] == "refused" for run in runs), run=_newest_run(runs),
            paused=tuple(sorted(str(one["role"]) for one in controls if one["action"] == "paused")),
        )  # fmt: skip

    def _all(self, model: str, role: str) -> list[dict[str, Any]]:
        """The newest records of a role, by what they are about, in the order in which they came."""
        found = [item for (of, what, _), item in self._newest.items() if (of, what) == (model, role)]
        return [item.datum for item in sorted(found, key=lambda one: one.at_ms)]


def _part(item: News) -> str:
    """What a later record stands in the place of: a run's states, a topic's controls."""
    return {"retrain_runs": str(item.datum.get("run_id")), "validator_controls": str(item.datum.get("role"))}.get(
        item.role, ""
    )


def _trial(serving: Mapping[str, Any] | None) -> tuple[int, float] | None:
    challenger = serving and serving["challenger"]
    return (challenger["version"], serving["challenger_share"]) if serving and challenger else None


def _newest_run(runs: Sequence[Mapping[str, Any]]) -> str:
    made = [run for run in runs if run["state"] != "refused"]
    if not made:
        return ""
    cause = "mixture" if made[-1].get("mixture") else made[-1]["cause"]
    return f"{made[-1]['state']} ({cause})"


def told(item: News, model: str) -> Happened | None:
    """One record as a sentence; None for what needs none."""
    datum = item.datum
    if item.role == "drift_events":
        return Happened(item.at_ms, model, "drift", f"{datum['subject']}: {datum['detail']}")
    if item.role == "retrain_requests":
        return Happened(
            item.at_ms, model, "asked", f"new version asked for by {datum['requested_by']}: {datum['cause']}"
        )
    if item.role == "retrain_runs":
        version = "" if datum["version"] is None else f" version {datum['version']}"
        kind = "refused" if datum["state"] == "refused" else "run"
        return Happened(
            item.at_ms, model, kind, f"training {datum['state']}{version}: {datum['reason'] or datum['cause']}"
        )
    if item.role == "model_releases":
        champion = datum["published"]["champion"]["version"]
        return Happened(
            item.at_ms, model, "release", f"{datum['action']}: version {champion} serves: {datum['reason']}"
        )
    if item.role == "validator_controls":
        return Happened(item.at_ms, model, datum["action"], f"{datum['role']} {datum['action']}: {datum['reason']}")
    return None
