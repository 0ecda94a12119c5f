"""The loop of one channel: sends what waits for it, as often as its rate allows. Each channel has a thread of its own,
so that one that is slow or away holds up no other.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tidemill.clock import Clock
from tidemill.errors import RetryLater
from tidemill.notify.delivery import Channel, NotDelivered
from tidemill.notify.notice import Notice
from tidemill_trainer import metrics
from tidemill_trainer.notify.digest import digest_of
from tidemill_trainer.notify.rate import Rate, Standing, turn
from tidemill_trainer.notify.store import NoticeStore

_log = logging.getLogger(__name__)

FIRST_S, MOST_S = 1.0, 600.0
"""A channel that fails is tried again after a second, then after twice as long, up to ten minutes."""
SOON_S = 1.0
"""How often it looks for what waits."""


@dataclass(kw_only=True)
class Sender:
    """Sends at least once: what was sent is noted after it was, and a notice keeps its id, by which a receiver knows a
    repeat. `give_up_s`: a notice that could not be sent for so long is told in a digest.
    """

    name: str
    channel: Channel
    store: NoticeStore
    rate: Rate
    give_up_s: float
    clock: Clock
    stop: threading.Event
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.8, 1.2))
    failures: int = 0
    overdue: int = 0
    held_until: float = 0.0

    def run(self) -> None:
        """Send until stopped."""
        metrics.NOTIFY_FAILING.labels(self.name).set(0)
        try:
            while not self.stop.is_set():
                self.stop.wait(self.step())
        finally:
            self.channel.close()

    def step(self) -> float:
        """Send at most one message; gives for how long to look no more, in s."""
        try:
            standings = self.store.standings(self.name, int(self.give_up_s * 1000))
            self._tell(standings)
            held_s = (self.held_until - self.clock.now_ms()) / 1000
            if held_s > 0:
                return min(held_s, SOON_S)
            for standing in standings:
                chosen = turn(standing, self.rate, self.clock.now_ms())
                if chosen != "wait":
                    return self._digest(standing) if chosen == "digest" else self._one(standing)
        except RetryLater as error:
            _log.warning("notices by %s wait: %s", self.name, error)
            return error.delay_s
        return SOON_S

    def _tell(self, standings: list[Standing]) -> None:
        overdue = sum(standing.overdue for standing in standings)
        metrics.NOTICES_WAITING.labels(self.name).set(sum(standing.waiting for standing in standings))
        if overdue > self.overdue:
            count = overdue - self.overdue
            metrics.NOTICES.labels(self.name, "overdue").inc(count)
            _log.error(
                "%d notices could not be sent by %s for %g s: a digest tells of them", count, self.name, self.give_up_s
            )
        self.overdue = overdue

    def _one(self, standing: Standing) -> float:
        waiting = self.store.oldest(self.name, standing.kind)
        if waiting is None:
            return SOON_S
        error = self._try(waiting.notice)
        if error is None:
            return self._sent(standing, "sent", 1, row=waiting.row)
        if error.of_notice:  # another one may be taken: this one alone waits
            self.store.postpone(waiting.row, backoff(waiting.tries) * self.jitter())
            return 0.0
        return self._away(error)

    def _digest(self, standing: Standing) -> float:
        gathered = self.store.gather(self.name, standing.kind)
        error = self._try(digest_of(self.name, standing.kind, gathered))
        if error is not None:
            return self._away(error)
        return self._sent(standing, "digested", gathered.count, up_to=gathered.up_to)

    def _try(self, notice: Notice) -> NotDelivered | None:
        """Send once; gives why it was not taken."""
        try:
            answer = self.channel.send(notice)
        except NotDelivered as error:
            failed = error
        except Exception as error:  # noqa: BLE001 - whatever a channel does, the loop of the models goes on
            _log.exception("the channel %s has failed in a way that is not foreseen", self.name)
            failed = NotDelivered(type(error).__name__)
        else:
            _log.info("%s: %s (%s)", self.name, notice.title, answer)
            return None
        metrics.NOTICES.labels(self.name, "failed").inc()
        metrics.NOTIFY_FAILING.labels(self.name).set(1)
        _log.warning("%s did not take %r: %s", self.name, notice.title, failed)
        return failed

    def _sent(self, standing: Standing, outcome: str, count: int, *, row: int | None = None, up_to: int = 0) -> float:
        """Note it, for as long as it takes: what is not noted would be sent again."""
        self.failures = 0
        metrics.NOTIFY_FAILING.labels(self.name).set(0)
        metrics.NOTICES.labels(self.name, outcome).inc(count)
        full_at = self.rate.spent(standing.full_at, self.clock.now_ms())
        while True:
            try:
                self.store.mark_sent(self.name, standing.kind, full_at, row=row, up_to=up_to)
                return 0.0
            except RetryLater as error:
                _log.warning("what %s has taken cannot be noted: %s", self.name, error)
                if self.stop.wait(error.delay_s):
                    return 0.0

    def _away(self, error: NotDelivered) -> float:
        delay = backoff(self.failures) * self.jitter()
        self.failures += 1
        self.held_until = self.clock.now_ms() + max(delay, error.retry_after_s or 0.0) * 1000
        return 0.0


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures before this one."""
    return float(min(MOST_S, FIRST_S * 2.0 ** min(failures, 16)))
