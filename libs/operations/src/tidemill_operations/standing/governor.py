"""What admission refused and why, and what waits: requests for a new version that came to no run, or to none yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidemill_operations.standing.scrape import scrape

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.feed import News

RULES: tuple[tuple[str, str], ...] = (
    ("one run at a time", "one at a time"),
    ("same fingerprint", "the same finding again"),
    ("there is a version already", "first version only once"),
    ("by hand", "by hand"),
    ("cooldown", "cooldown"),
    ("at most", "at_most"),
    ("back-off", "back-off"),
)
"""How admission's reasons begin, and the rule's name for a person."""
OTHER = "other"
FITS_LEFT = "tidemill_trainer_label_time_fits_left"
HELD_BACK = "tidemill_trainer_label_time_held_back"


@dataclass(frozen=True, slots=True)
class Refused:
    """The requests that one rule refused. `newest_ms`, `reason`: of the newest of them; `since_last_run`: whether no
    run was admitted after it.
    """

    rule: str
    count: int
    newest_ms: int
    reason: str
    since_last_run: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that nobody has answered, or that was accepted and not begun. `since_ms`: when it came to this."""

    request_id: str
    cause: str
    state: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Governed:
    """All of it for one model. `budget`: fits of label time in so many rows; `fits_left`: what it allows now, None
    where no trainer of this machine says it; `held_back`: a fit is due that it does not allow.
    """

    refused: tuple[Refused, ...]
    waiting: tuple[Waiting, ...]
    budget: str
    fits_left: int | None = None
    held_back: bool = False

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        refused = [_with_time(asdict(one), "newest_ms", "newest") for one in self.refused]
        waiting = [_with_time(asdict(one), "since_ms", "since") for one in self.waiting]
        budget = {"fits_left": self.fits_left, "held_back": self.held_back, "budget": self.budget}
        return {"refused": refused, "waiting": waiting, **budget}


def told(model: Mapping[str, Any]) -> list[str]:
    """What a person is told: requests refused since the last run that was admitted, and what waits now. `model`: a row
    of `tidemill status`.
    """
    governor, said = model["governor"], []
    for one in governor["refused"]:
        if one["since_last_run"]:
            often = f"{one['count']:,} requests" if one["count"] > 1 else "a request"
            said.append(f"{often} for a new version refused ({one['rule']}), {one['newest']}: {one['reason']}")
    for one in governor["waiting"]:
        why = "accepted, and not begun" if one["state"] == "accepted" else "no trainer has answered"
        said.append(f"a request for a new version ({one['cause']}) waits since {one['since']}: {why}")
    if governor["held_back"]:
        said.append(f"a fit is due that the budget does not allow now (retrain.at_most: {governor['budget']})")
    return [f"{model['model']}: {text}" for text in said]


def governed(
    spec: ModelSpec, requests: Sequence[News], runs: Sequence[News], budget: Mapping[str, tuple[int, bool]]
) -> Governed:
    """By the records of the requests' topic and the runs' (each in its order), and by `fits_left`."""
    newest: dict[str, News] = {item.datum["request_id"]: item for item in runs}
    left, held = budget.get(spec.name, (None, False))
    fits, rows = spec.retrain.fits
    words = f"{fits:,} in {rows:,} labelled rows"
    return Governed(tuple(_refused(newest.values())), tuple(_waiting(requests, newest)), words, left, held)


def fits_left(facts: Mapping[str, Any]) -> dict[str, tuple[int, bool]]:
    """By model, how many fits label time's budget allows now and whether one is held back, as the trainers of a
    platform on this machine say.

    `facts`: the platform's, with the URL of each process that listens; those that do not answer say nothing.
    """
    found: dict[str, tuple[int, bool]] = {}
    for name, process in facts.get("processes", {}).items():
        if name.startswith("trainer"):
            samples = scrape(process)
            held = {labels["model"] for labels, value in samples.get(HELD_BACK, []) if value}
            left = [(labels["model"], int(value)) for labels, value in samples.get(FITS_LEFT, [])]
            found |= {model: (count, model in held) for model, count in left}
    return found


def _refused(newest: Iterable[News]) -> list[Refused]:
    """By rule, in the order in which admission asks them."""
    items = list(newest)
    admitted = max((item.at_ms for item in items if item.datum["state"] != "refused"), default=-1)
    by_rule: dict[str, list[News]] = {}
    for item in items:
        if item.datum["state"] == "refused":
            by_rule.setdefault(_rule(item.datum["reason"]), []).append(item)
    found = []
    for rule in (*(name for _, name in RULES), OTHER):
        if rule in by_rule:
            last = max(by_rule[rule], key=lambda item: item.at_ms)
            count = len(by_rule[rule])
            found.append(Refused(rule, count, last.at_ms, last.datum["reason"], last.at_ms > admitted))
    return found


def _rule(reason: str) -> str:
    return next((name for begins, name in RULES if reason.startswith(begins)), OTHER)


def _waiting(requests: Iterable[News], newest: Mapping[str, News]) -> list[Waiting]:
    unanswered = [item for item in requests if item.datum["request_id"] not in newest]
    accepted = [item for item in newest.values() if item.datum["state"] == "accepted"]
    return [
        Waiting(item.datum["request_id"], item.datum["cause"], state, item.at_ms)
        for state, items in (("asked", unanswered), ("accepted", accepted))
        for item in items
    ]


def _with_time(facts: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    """The facts with a moment in place of epoch ms, under another name, last."""
    return {name: value for name, value in facts.items() if name != before} | {after: _moment(facts[before])}


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="seconds")
