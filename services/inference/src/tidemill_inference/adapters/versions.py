"""model-versions as a broadcast: every replica reads all of it, without a group, and follows it in a
thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from tidemill.artifact import ArtifactError
from tidemill.codec import Codec
from tidemill.contracts.events import ModelVersion
from tidemill.contracts.schemas import Schema
from tidemill.errors import DeadLetter, RetryLater
from tidemill.kafka.batch import Batch
from tidemill.kafka.broadcast import BroadcastReader
from tidemill.service import Heartbeat
from tidemill_inference import metrics
from tidemill_inference.swapper import Offer, Outcome, Step, Swapper

CATCH_UP_S = 30.0
PAUSE_S = 0.005  # lets `sync` have the lock between two polls
LONGEST_SILENCE_S = 120.0
"""A large model may come slowly from its store; what takes longer than this hangs."""

_log = logging.getLogger(__name__)


class VersionWatcher:
    """Follows model-versions and keeps the predictors at the newest version that is fit to serve.

    Loading happens in its thread while the old versions serve on. `on_switch` is called in that thread after
    each switch (or in that of `sync`), `on_failure` when the thread ends by a defect, which `failure` then
    holds.
    """

    def __init__(
        self,
        reader: BroadcastReader,
        codec: Codec,
        schema: Schema,
        swappers: Mapping[str, Swapper],
        *,
        poll_s: float = 0.05,
        on_switch: Callable[[str], None] = lambda model: None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = reader
        self._codec = codec
        self._schema = schema
        self._swappers = swappers
        self._poll_s = poll_s
        self._on_switch = on_switch
        self._on_failure = on_failure
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._caught_up = False
        self._thread = threading.Thread(target=self._run, name="versions", daemon=True)
        self.heartbeat = Heartbeat(LONGEST_SILENCE_S)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop following; waits for a load in progress."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=LONGEST_SILENCE_S)
        self._reader.close()

    @property
    def caught_up(self) -> bool:
        """The whole topic has been read once, and what it says was tried."""
        return self._caught_up

    def check(self) -> str | None:
        """A liveness check: the thread has not ended and turns."""
        if self._thread.ident is not None and not self._thread.is_alive():
            return "the reader of model-versions has ended"
        return self.heartbeat()

    def sync(self, timeout_s: float) -> None:
        """Read to the end of the topic as it is now and load what is pending; in the caller's thread.

        Afterwards no predictor is behind any other replica. Raises RetryLater where that is not reached in
        time.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._catch_up(max(0.1, deadline - time.monotonic()))
            while not all(swapper.settled for swapper in self._swappers.values()):
                if time.monotonic() > deadline:
                    raise RetryLater("a published version cannot be loaded yet: the artifact store is away")
                self._load()
                self._stop.wait(PAUSE_S)

    def _run(self) -> None:
        try:
            while not self._stop.wait(PAUSE_S):
                self.heartbeat.beat()
                self._turn_or_wait()
        except Exception as error:  # noqa: BLE001 - ends the process: whoever wired it raises `failure`
            _log.exception("the reader of model-versions failed")
            self.failure = error
            self._on_failure()

    def _turn_or_wait(self) -> None:
        try:
            with self._lock:
                self._turn()
        except RetryLater as error:
            _log.warning("model-versions cannot be read now: %s", error)
            self._stop.wait(error.delay_s)

    def _turn(self) -> None:
        if self._caught_up:
            self._note(self._reader.poll(self._poll_s), live=True)
        else:
            self._catch_up(CATCH_UP_S)
        self._load()

    def _catch_up(self, timeout_s: float) -> None:
        self._note(self._reader.catch_up(timeout_s), live=self._caught_up)
        self._caught_up = True

    def _note(self, batches: list[Batch], *, live: bool) -> None:
        for batch in batches:
            for value, timestamp_ms in zip(batch.values, batch.timestamps_ms, strict=True):
                if value is not None:
                    self._offer(value, timestamp_ms, live)

    def _offer(self, value: bytes, timestamp_ms: int, live: bool) -> None:
        try:
            event = ModelVersion.from_dict(self._codec.decode_one(value, self._schema))
        except DeadLetter as error:
            _log.error("a record on model-versions is no event: %s", error.reason)
            return
        swapper = self._swappers.get(event.model)
        if swapper is not None:
            swapper.offer(Offer(event, timestamp_ms, live))

    def _load(self) -> None:
        for model, swapper in self._swappers.items():
            step = swapper.step()
            _tell(model, step)
            if step.outcome is Outcome.SWITCHED:
                self._on_switch(model)


def _tell(model: str, step: Step) -> None:
    """Metrics and a log line for what a step did."""
    if step.offer is None:
        return
    event = step.offer.event
    about = {"model": model, "model_version": f"{model}:{event.champion.version}", "epoch": event.epoch}
    if step.outcome is Outcome.REFUSED:
        metrics.REFUSED.labels(model).inc()
        trace = None if isinstance(step.error, ArtifactError) else step.error  # of a defect, of ours or a library's
        _log.error("version refused, the one before serves on: %s", step.error, exc_info=trace, extra=about)
    elif step.outcome is Outcome.POSTPONED:
        metrics.POSTPONED.labels(model).inc()
        _log.warning("version not loaded yet, tried again: %s", step.error, extra=about)
    elif step.swap is not None:
        metrics.MODEL_VERSION.labels(model).set(step.swap.to_version)
        metrics.MODEL_EPOCH.labels(model).set(step.swap.epoch)
        metrics.CHALLENGER_VERSION.labels(model).set(event.challenger.version if event.challenger else 0)
        metrics.CHALLENGER_SHARE.labels(model).set(event.challenger_share if event.challenger else 0.0)
        if step.swap.ms is not None:
            metrics.SWAP_SECONDS.labels(model).observe(step.swap.ms / 1_000)
        swap = {"from_version": step.swap.from_version, "ms_from_event_to_serving": step.swap.ms}
        _log.info("version serves", extra=about | swap)
