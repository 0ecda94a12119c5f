"""The report of changed models as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """`report`: what `tidemill backtest --json` says; None where it ended with `error`."""

    report: dict[str, Any] | None = None
    error: str = ""

    @property
    def ours(self) -> dict[str, Any]:
        """The model file's own policy."""
        assert self.report is not None
        found: dict[str, Any] = self.report["policies"][0]
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """A model that is new, changed or removed. `sample`: the file's name; `now`, `before`: None where not trained."""

    name: str
    kind: str
    sample: str | None
    now: Answer | None = None
    before: Answer | None = None

    @property
    def failed(self) -> bool:
        """Whether its sample makes no version."""
        return self.now is not None and (self.now.report is None or not self.now.ours["releases"])


def page(problems: Sequence[dict[str, Any]], changes: Sequence[Change]) -> str:
    """The whole report. `problems`: as `tidemill check --json` gives them."""
    lines = ["## Models", "", *_checked(problems)]
    for change in changes:
        lines += ["", f"### {plain(change.name)} ({change.kind})", "", *_change(change, wrong=bool(problems))]
    if not changes:
        lines += ["", "No model's file, record or sample has changed."]
    return "\n".join(lines) + "\n"


def _checked(problems: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not problems:
        yield "`tidemill check`: all is right."
        return
    yield f"`tidemill check` finds {len(problems)} wrong, so nothing was trained:"
    yield ""
    for one in problems:
        place = ":".join(str(one[key]) for key in ("file", "line", "column") if one.get(key))
        yield f"- {plain(place)}: {plain(str(one['message']))}"


def _change(change: Change, *, wrong: bool) -> Iterator[str]:
    if change.kind == "removed":
        yield "Its topics and versions stay until somebody removes them."
    elif change.sample is None:
        yield f"It has no sample, so it was not trained here: put labelled events into `samples/{change.name}.csv`."
    elif change.now is None:
        yield "Not trained." if wrong else ""
    elif change.now.report is None:
        yield f"**No version of {plain(change.sample)}:** {plain(change.now.error)}"
    else:
        yield from _trained(change, change.now)


def _trained(change: Change, now: Answer) -> Iterator[str]:
    assert now.report is not None
    before = change.before if change.before is not None and change.before.report is not None else None
    if change.failed:
        yield f"**No version of {plain(str(change.sample))} passed its gate.**"
        yield ""
    yield f"| on {plain(str(change.sample))} | {'before | ' if before else ''}now |"
    yield "|---|---|---|" if before else "|---|---|"
    for name, values in _rows(now, before).items():
        yield f"| {name} | {' | '.join(values)} |"
    if change.before is not None and change.before.report is None:
        yield ""
        yield f"Before, it made no version of this sample: {plain(change.before.error)}"
    for fit in now.ours["fits"]:
        made = f"version {fit['version']}" if fit["version"] else "no version"
        yield ""
        cause = f"{plain(fit['cause'])}, {fit['rows']:,} rows"
        yield f"After {fit['labels']:,} labels {made} ({cause}): {plain(fit['note'])}"
    for note in now.report["notes"]:
        yield ""
        yield plain(note)


def _rows(now: Answer, before: Answer | None) -> dict[str, list[str]]:
    answers = [one for one in (before, now) if one is not None]
    assert now.report is not None
    wanted = now.report["metric"]
    metrics = sorted(now.ours["metrics"], key=lambda name: (name != wanted, name))
    rows = {f"**{name}**" if name == wanted else name: [_metric(one, name) for one in answers] for name in metrics}
    for name in ("events", "labelled", "set_aside"):
        rows[name.replace("_", " ")] = [f"{one.report[name]:,}" for one in answers if one.report is not None]
    rows["versions released"] = [str(len(one.ours["releases"])) for one in answers]
    rows["seconds of training"] = [f"{one.ours['fit_seconds']:.1f}" for one in answers]
    return rows


def _metric(answer: Answer, name: str) -> str:
    value = answer.ours["metrics"].get(name)
    return "" if value is None else f"{value:.4f}"


def plain(text: str) -> str:
    """A text that says nothing in Markdown: no markup, no mention of a person, no line's end."""
    kept = " ".join(text.split()).replace("\\", "\\\\")
    for mark in "|`*_<>[]#":
        kept = kept.replace(mark, "\\" + mark)
    return kept.replace("@", "@\u200b")
