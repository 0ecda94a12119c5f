"""model-versions as a broadcast: every replica reads all of it, without a group, and follows it in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass, field

from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.schemas.catalog import Schema
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.kafka.headers import TRACEPARENT, find
from tidemill.service import Heartbeat
from tidemill_inference.versions.load_threads import Loads, Spawn, in_a_thread
from tidemill_inference.versions.offers import Offer, Outcome, Step
from tidemill_inference.versions.reporting import begin_to_tell, tell
from tidemill_inference.versions.swapper import Swapper

CATCH_UP_S = 30.0
PAUSE_S = 0.005  # lets `sync` have the lock between two polls
LONGEST_SILENCE_S = 120.0
LOAD_END_S = 60.0
"""A graph that is being loaded cannot be stopped; one that takes longer than this hangs."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherParts:
    """What a watcher works with. `reader` reads model-versions, whose records are `codec`'s of `schema`, waiting
    `poll_s` at a time; `swappers`: by model.

    `on_switch` is called with the model after each switch, one at a time, in whatever thread; `on_failure` when the
    reading ends by a defect, which `VersionWatcher.failure` then holds; `on_turn` some times a second, in the reading
    thread. `stop` ends all when it is set. `spawn` starts the thread of a load.
    """

    reader: BroadcastReader
    codec: Codec
    schema: Schema
    swappers: MutableMapping[str, Swapper]
    poll_s: float = 0.05
    on_switch: Callable[[str], None] = lambda model: None
    on_failure: Callable[[], None] = lambda: None
    on_turn: Callable[[], None] = lambda: None
    stop: threading.Event = field(default_factory=threading.Event)
    spawn: Spawn = in_a_thread


class VersionWatcher:
    """Follows model-versions and keeps the predictors at the newest version that is fit to serve.

    It reads in a thread of its own. Each load has one too, while the old versions serve on: a store that is slow for
    one model holds up neither the reading nor the other models.
    """

    def __init__(self, parts: WatcherParts) -> None:
        self._parts = parts
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._loads = Loads(parts.swappers, self._on_step, parts.spawn)
        begin_to_tell(parts.swappers, self._loads.waiting_s)
        self._caught_up = False
        self._thread = threading.Thread(target=self._run, name="versions", daemon=True)
        self.heartbeat = Heartbeat(LONGEST_SILENCE_S)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop following; waits for loads in progress, up to LOAD_END_S."""
        self._parts.stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=LONGEST_SILENCE_S)
        if not self._loads.close(LOAD_END_S):
            _log.warning("a load has not ended within %.0f s: left behind", LOAD_END_S)
        self._parts.reader.close()

    def check(self) -> str | None:
        """A liveness check: the thread has not ended and turns."""
        if self._thread.ident is not None and not self._thread.is_alive():
            return "the reader of model-versions has ended"
        return self.heartbeat()

    def sync(self, timeout_s: float, models: Collection[str] | None = None) -> None:
        """Read to the end of the topic as it is now, and wait until what is pending for `models` (default: all) is
        loaded or refused.

        Afterwards none of their predictors is behind any other replica. Raises RetryLater where that is not reached
        in time.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._catch_up(timeout_s)
        self._loads.turn()
        while not self._loads.settled(models):
            if time.monotonic() > deadline:
                raise RetryLater("a published version cannot be loaded yet: the artifact store is away")
            self._loads.wait(PAUSE_S)
            self._loads.turn()

    def add(self, swappers: Mapping[str, Swapper]) -> None:
        """Follow these models too: all of model-versions is read once more. From any thread."""
        with self._lock:
            self._loads.add(swappers)
            begin_to_tell(swappers, self._loads.waiting_s)
            self._parts.reader.again()
            self._caught_up = False

    def turn(self) -> None:
        """Read what is there and begin the loads that are due. Raises RetryLater while brokers are away."""
        with self._lock:
            if self._caught_up:
                self._note(self._parts.reader.poll(self._parts.poll_s), live=True)
            else:
                self._catch_up(CATCH_UP_S)
        self._loads.turn()

    def _run(self) -> None:
        try:
            while not self._parts.stop.wait(PAUSE_S):
                self.heartbeat.beat()
                self._turn_or_wait()
                self._parts.on_turn()
        except Exception as error:  # noqa: BLE001 - ends the process: whoever wired it raises `failure`
            _log.exception("the reader of model-versions failed")
            self.failure = error
            self._parts.on_failure()

    def _turn_or_wait(self) -> None:
        try:
            self.turn()
        except RetryLater as error:
            _log.warning("model-versions cannot be read now: %s", error)
            self._parts.stop.wait(error.delay_s)

    def _catch_up(self, timeout_s: float) -> None:
        self._note(self._parts.reader.catch_up(timeout_s), live=self._caught_up)
        self._caught_up = True

    def _note(self, batches: list[Batch], *, live: bool) -> None:
        for batch in batches:
            rows = zip(batch.values, batch.timestamps_ms, batch.headers, strict=True)
            for value, timestamp_ms, headers in rows:
                if value is not None:
                    self._offer(value, timestamp_ms, live, find(headers, TRACEPARENT))

    def _offer(self, value: bytes, timestamp_ms: int, live: bool, traceparent: bytes | None) -> None:
        try:
            event = ModelVersion.from_dict(self._parts.codec.decode_one(value, self._parts.schema))
        except DeadLetter as error:
            _log.error("a record on model-versions is no event: %s", error.reason)
            return
        self._loads.offer(Offer(event, timestamp_ms, live, traceparent))

    def _on_step(self, model: str, step: Step) -> None:
        tell(model, step, self._parts.swappers[model].refused)
        if step.outcome is Outcome.SWITCHED:
            self._parts.on_switch(model)
