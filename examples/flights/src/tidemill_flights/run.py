"""The demo from beginning to end: platform up and warm, the year pushed, the loop watched, the topics read
back.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from tidemill.contracts.model_file import ModelSpec
from tidemill_embedded.errors import PlatformError, StartInterrupted
from tidemill_embedded.platform import Platform, PlatformOptions, remove_data
from tidemill_flights.chaos.kills import Kill, Killer
from tidemill_flights.chaos.victims import at_work
from tidemill_flights.data.flights import Flights, load_flights, prepared_flights
from tidemill_flights.data.permute import permuted
from tidemill_flights.data.spoil import Spoil, draw
from tidemill_flights.feed.rest_clients import Predicting, Pushing, json_rows
from tidemill_flights.feed.sim_clock import SimClock
from tidemill_flights.feed.streaming import StreamContext, Streamer
from tidemill_flights.live import Observer
from tidemill_flights.memory import MemoryWatch
from tidemill_flights.proof.conclusion import Seen, conclude
from tidemill_flights.proof.report import show
from tidemill_flights.story import Story
from tidemill_operations.platform import PlatformView, view_of
from tidemill_operations.push.sending import Sender

if TYPE_CHECKING:
    from rich.console import Console

MODEL = "flight-delay"
SUMMARY = "summary.json"
SPOILT_SHARE = 0.025
REST_SHARE = 0.006
PREDICTIONS_PER_S = 25.0
PLAIN = ("TIDEMILL_TLS_CERTIFICATE", "TIDEMILL_TLS_KEY", "TIDEMILL_TLS_KEY_PASSWORD_FILE")
"""Not for the demo, whose callers are on this machine."""
LONGEST_STEP_S = 0.25
DRAIN_S = 60.0
QUIET_S = 2.0
PAUSE_BETWEEN_KILLS_S = 3.0
WARM_PARTS = ("ingest", "validator", "trainer", "profile", "detect")


@dataclass(frozen=True, slots=True)
class Options:
    """How the demo runs. `seconds`: what the whole year takes at full speed; `permute`: the control, by this
    seed.
    """

    seconds: float = 86.0
    fraction: float = 1.0
    seed: int = 2013
    permute: int | None = None
    kill: bool = False
    kafka: str | None = None
    var: Path = Path("var/demo")
    root: Path = Path()


class Interrupted(click.exceptions.Abort):
    """Ctrl-C: everything is ended, and nothing more is said."""


def run_demo(options: Options, console: Console, stop: threading.Event) -> bool:
    """Runs the demo, shows its story and its end, writes `summary.json`; whether the loop closed (or the
    control held).

    Raises PlatformError where the platform cannot start or does not stay up.
    """
    console.print("preparing a year of flights out of New York, with the weather at their scheduled departure")
    data = prepared_flights(options.var)
    folder = options.var / "platform"
    folder.mkdir(parents=True, exist_ok=True)
    remove_data(folder)
    prefix = f"demo-{secrets.token_hex(4)}-" if options.kafka else ""
    news: list[str] = []
    told = PlatformOptions(
        models=[MODEL],
        kafka=options.kafka,
        prefix=prefix,
        env_overrides=dict.fromkeys(PLAIN, ""),
        on_news=lambda text: news.append(str(text)),
    )
    platform = Platform(options.root, folder, told)
    try:
        with platform:
            platform.start(progress=lambda text: _progress(console, stop, text), stop=stop)
            return _Demo(options, console, stop, platform, data, news).run()
    except StartInterrupted as interrupted:
        raise Interrupted from interrupted
    finally:
        if options.kafka:
            platform.delete_topics()


def _progress(console: Console, stop: threading.Event, text: str) -> None:
    if stop.is_set():
        raise Interrupted
    console.print(text, highlight=False)


class _Demo:
    """One run on a platform that is up. All threads that it starts are ended by its `ExitStack`."""

    def __init__(
        self,
        options: Options,
        console: Console,
        stop: threading.Event,
        platform: Platform,
        data: Path,
        news: list[str],
    ) -> None:
        self.options = options
        self.console = console
        self.stop = stop
        self.platform = platform
        self.process_news = news
        self.view: PlatformView = view_of(platform.facts())
        self.spec: ModelSpec = self.view.model(MODEL)
        self.flights = self._load(data)
        self.memory = MemoryWatch(platform.pids)

    def _load(self, data: Path) -> Flights:
        record = self.view.schemas.record(MODEL).field_names
        known = [name for name in record if name != self.spec.target.label]
        flights = load_flights(data, known, self.options.fraction)
        return flights if self.options.permute is None else permuted(flights, self.options.permute)

    def run(self) -> bool:
        with ExitStack() as stack:
            self._begin(stack)
            self._warm_up()
            self.memory.start()
            stack.callback(self.memory.stop)
            with self.story.telling():
                self._stream()
                self._drain()
            seconds = time.monotonic() - (self.streamer.state.first_push or time.monotonic())
            kills = self._end_clients()
            self._forget_flights()
            return self._conclude(seconds, kills)

    def _begin(self, stack: ExitStack) -> None:
        """Builds everything and starts all that does not push yet."""
        options, view = self.options, self.view
        addresses = self.platform.addresses
        self.observer = Observer(view, self.spec, addresses)
        self.predicting = Predicting(
            addresses["serve"], MODEL, self._current_flight, PREDICTIONS_PER_S, patient=options.kill
        )
        self.pushing = Pushing(addresses["ingest"], MODEL)
        self.streamer = self._make_streamer()
        self.story = Story(self.console, self.streamer.state, self.observer.state, self.predicting.state)
        kinds = at_work(self.observer.state, self.predicting.state, self.pushing.state)
        self.killer = Killer(self.platform, kinds if options.kill else {}, PAUSE_BETWEEN_KILLS_S)
        for part in (self.observer, self.predicting, self.streamer, self.killer):
            stack.callback(part.stop)
        self.observer.start()
        self.predicting.start()
        self.pushing.start()

    def _make_streamer(self) -> Streamer:
        options, flights, view = self.options, self.flights, self.view
        rng = np.random.default_rng(options.seed + 1)
        fates = draw(len(flights), SPOILT_SHARE, options.seed)
        by_rest = (rng.random(len(flights)) < REST_SHARE) & (fates == Spoil.NO)
        whole_ms = int(flights.scheduled[-1] - flights.scheduled[0])
        speed = whole_ms / (options.seconds * options.fraction * 1000)
        clock = SimClock(float(flights.scheduled[0]), speed, LONGEST_STEP_S * 1000 * speed)
        context = StreamContext(
            flights=flights, spec=self.spec, topics=view.topics, schemas=view.schemas, codec=view.new_codec(),
            sender=Sender(view.settings, "demo"), clock=clock, fates=fates, by_rest=by_rest, rest=self.pushing.put,
            pace=self.observer.pace, trace_ratio=view.settings.trace_ratio,
        )  # fmt: skip
        return Streamer(context)

    def _current_flight(self) -> dict[str, Any]:
        """The flight that the stream has just reached, as a client would send it."""
        row = min(self.streamer.state.row, len(self.flights) - 1)
        return json_rows(self.flights.table.slice(row, 1).to_batches()[0])[0]

    def _warm_up(self) -> None:
        """Waits until every process but inference (which waits for a model) says that it is ready."""
        self._say("warming up")
        for name in WARM_PARTS:
            self.platform.until_ready(name)

    def _stream(self) -> None:
        self.streamer.start()
        self.killer.start()
        self._until(lambda: self.streamer.state.done, None)

    def _drain(self) -> None:
        """Waits until all is validated and predicted, and no training is under way or asked for; bounded."""
        self.story.tell("all pushed: waiting until everything is settled")
        self.pushing.finish(DRAIN_S)
        quiet_since: list[float] = []

        def settled() -> bool:
            if not self._quiet():
                quiet_since.clear()
                return False
            quiet_since.append(time.monotonic())
            return time.monotonic() - quiet_since[0] >= QUIET_S

        if not self._until(settled, DRAIN_S):
            self.story.tell(f"[red]not settled after {DRAIN_S:.0f} s: {self._unsettled()}[/]")

    def _quiet(self) -> bool:
        return not self._unsettled()

    def _unsettled(self) -> str:
        live = self.observer.state
        facts = {
            "records not validated": live.validator_lag,
            "events not predicted": live.stream_lag,
            "runs under way": len(live.open_runs()),
            "requests without answer": len(live.unanswered()),
            "versions not released": len(live.unreleased()),
            "versions that have not answered yet": int(not self._answers()),
        }
        return ", ".join(f"{count:,} {name}" for name, count in facts.items() if count)

    def _answers(self) -> bool:
        """Whether REST was answered last by the version that is to serve."""
        serving = self.observer.state.serving
        return serving is None or self.predicting.state.latest == serving["champion"]["version"]

    def _until(self, done: Callable[[], bool], seconds: float | None) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not done():
            self._check()
            self._tell_process_news()
            self.story.update()
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        self.story.update()
        return True

    def _tell_process_news(self) -> None:
        while self.process_news:
            self.story.tell(f"[magenta]{self.process_news.pop(0)}[/]")

    def _check(self) -> None:
        if self.stop.is_set():
            raise Interrupted
        self.platform.check()
        for part in (self.streamer.state, self.observer.state, self.killer):
            if part.failure is not None:
                raise PlatformError(f"the demo itself failed: {part.failure!r}") from part.failure

    def _end_clients(self) -> list[Kill]:
        self.killer.stop()
        self.observer.stop()  # what it has seen by now is what there is to answer with
        self._until(self._answers, DRAIN_S)
        self.predicting.stop()
        time.sleep(0.5)  # REST predictions are logged a moment after their answers
        return self.killer.kills

    def _forget_flights(self) -> None:
        """What was streamed need not be in memory while it is read back."""
        self.streamer.forget()
        del self.flights

    def _conclude(self, seconds: float, kills: list[Kill]) -> bool:
        self._say("reading the topics back")
        options, spared = self.options, self.killer.spared
        live, rest, ingest = self.observer.state, self.predicting.state, self.pushing.state
        seen = Seen(live, rest, ingest, kills, spared, seconds, self.platform.broker_name)
        control = options.permute is not None
        verdict, summary = conclude(self.view, self.spec, seen, self.memory, control, options.kill)
        path = options.var / SUMMARY
        path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        show(self.console, summary, verdict)
        self._say(f"summary: {path}; logs: {self.platform.var / 'logs'}")
        return verdict.closed

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False)
