"""The story on the terminal: a live panel where there is one, plain lines where there is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tidemill_flights.feed.rest_clients import RestState
from tidemill_flights.feed.streaming import StreamState
from tidemill_flights.live import LiveState, day
from tidemill_operations.feed import News

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

TOLD_LINES = 9
PLAIN_EVERY_S = 5.0
FRAMES_PER_S = 4


class Story:
    """Tells what happens. `update` is called a few times a second; what is new in `LiveState.news` is told
    once.
    """

    def __init__(self, console: Console, stream: StreamState, live: LiveState, rest: RestState) -> None:
        self.console = console
        self._stream = stream
        self._live = live
        self._rest = rest
        self._told: list[str] = []
        self._news = 0
        self._versions: set[int] = set()
        self._began = time.monotonic()
        self._last_plain = 0.0
        self._show: Callable[[], None] = self._plain

    @contextmanager
    def telling(self) -> Iterator[Story]:
        """Shows the panel while the block runs."""
        if not self.console.is_terminal:
            yield self
            return
        from rich.live import Live

        with Live(self._panel(), console=self.console, refresh_per_second=FRAMES_PER_S, transient=True) as live:
            self._show = lambda: live.update(self._panel())
            yield self
        for line in self._told:
            self.console.print(line, highlight=False)
        self._show = self._plain

    def tell(self, text: str) -> None:
        """Adds a line to the story, with its simulated date."""
        line = f"{day(self._stream.sim_ms)}  {text}"
        self._told.append(line)
        if self._show == self._plain:
            self.console.print(line, highlight=False)

    def update(self) -> None:
        """Tells what is new and shows the state."""
        news, self._news = self._live.news[self._news :], len(self._live.news)
        for item in news:
            if text := describe(item):
                self.tell(text)
        for version in sorted(set(self._rest.versions) - self._versions):
            self.tell(f"[bold]REST answers with version {version}[/]")
            self._versions.add(version)
        self._show()

    def _plain(self) -> None:
        now = time.monotonic()
        if now - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = now
            facts = "; ".join(f"{name} {value}" for name, value in self._facts())
            self.console.print(f"{day(self._stream.sim_ms)}  [dim]{facts}[/]", highlight=False)

    def _facts(self) -> list[tuple[str, str]]:
        stream, live, rest = self._stream, self._live, self._rest
        serving = (live.serving or {}).get("champion", {}).get("version", "none yet")
        lag = "" if stream.pace >= 1 else f" ({stream.pace:.0%} of full speed: waiting for the platform)"
        return [
            ("pushed", f"{stream.events + stream.by_rest:,} events, {stream.labels:,} labels"),
            ("clean", f"{live.clean:,}, dead {live.dead:,}"),
            (
                "predictions",
                f"{live.predictions:,} ({live.predictions_per_s:,.0f}/s), backlog {live.backlog:,}{lag}",
            ),
            ("version", f"{serving}{score_of(live.performance)}"),
            ("REST", f"{rest.requests:,} ({rest.rate():.0f}/s), {rest.errors} errors"),
        ]

    def _panel(self) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table

        facts = Table.grid(padding=(0, 2))
        for name, value in self._facts():
            facts.add_row(f"[bold]{name}[/]", value)
        seconds = time.monotonic() - self._began
        title = f"Tidemill · {day(self._stream.sim_ms)} · {seconds:.0f} s"
        told = "\n".join(self._told[-TOLD_LINES:])
        return Panel(Group(facts, "", told), title=title, title_align="left")


def score_of(performance: dict[str, Any] | None) -> str:
    """The newest score on joined labels, in words."""
    if performance is None or "roc_auc" not in performance["metrics"]:
        return ""
    was = performance["reference"].get("roc_auc")
    before = f" (in training {was:.3f})" if was is not None else ""
    auc, labels = performance["metrics"]["roc_auc"], performance["labels"]
    return f", AUC of version {performance['version']} on {labels:,} labels {auc:.3f}{before}"


def describe(item: News) -> str:
    """One event of the platform in one line; empty for one that needs no telling."""
    datum = item.datum
    if item.role == "drift_events":
        what = f"{datum['kind']} {datum['subject']} of version {datum['version']} by {datum['detector']}"
        return f"[yellow]drift[/] in {what}: {datum['detail']}"
    if item.role == "retrain_requests":
        return f"retraining asked for by {datum['requested_by']}: {datum['cause']}"
    if item.role == "retrain_runs":
        return _run_line(datum)
    if item.role == "model_releases":
        champion = datum["published"]["champion"]["version"]
        return f"[green]release[/]: version {champion} {datum['action']} ({datum['reason']})"
    return ""


def _run_line(run: dict[str, Any]) -> str:
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in sorted(run["metrics"].items())[:3])
    version = f" version {run['version']}" if run["version"] is not None else ""
    colour = {"finished": "green", "failed": "red", "refused": "dim"}.get(run["state"], "cyan")
    return f"[{colour}]retraining {run['state']}[/]{version} (cause {run['cause']}) {run['reason'] or metrics}"
