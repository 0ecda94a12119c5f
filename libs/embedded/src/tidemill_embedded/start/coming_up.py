"""Waiting for the parts of a platform that starts: until they answer, hang, end, or a person has had enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tidemill.errors import RetryLater
from tidemill_embedded.errors import PlatformError, StartInterrupted
from tidemill_embedded.processes.supervisor import Supervisor, last_lines
from tidemill_embedded.start.patience import Patience, Signs, bytes_in, cpu_seconds
from tidemill_embedded.start.probe import OK, answer
from tidemill_embedded.start.settings import StartSettings

ANSWER_S = 5.0
"""A service on a busy machine may take seconds to answer its first request."""
POLL_S = 0.05


@dataclass(slots=True)
class ComingUp:
    """Waits for children of `supervisor`, each as long as it shows signs of life.

    Everything raises StartInterrupted once `interrupt` is set, PlatformError where a part cannot start or hangs.
    """

    supervisor: Supervisor
    settings: StartSettings
    interrupt: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[str], None] = lambda text: None

    def until(
        self, done: Callable[[], bool], name: str, *logs: Path, said: Callable[[], object] = lambda: None
    ) -> None:
        """Returns when `done`. `logs`: of the child `name`; `said`: what it answered last."""
        patience = self._patience(name, logs, said)
        while not done():
            self._look(patience, name, lambda: f"{logs[0]} ends with:\n{last_lines(logs[0])}")
            time.sleep(POLL_S)

    def until_answers(self, name: str, url: str, log: Path, certificate: Path | None = None) -> None:
        """Returns when a GET of `url` gives 200, by TLS with this `certificate` where there is one. Other answers than
        before, "not ready" of any kind, are signs of life.
        """
        said: tuple[int, bytes] = (0, b"")

        def there() -> bool:
            nonlocal said
            said = answer(url, certificate, ANSWER_S)
            return said[0] == OK

        self.until(there, name, log, said=lambda: said)

    def until_works(self, work: Callable[[], object], name: str, *logs: Path) -> None:
        """Does `work` until it does not raise RetryLater any more."""
        patience = self._patience(name, logs, lambda: None)
        while True:
            try:
                work()
                return
            except RetryLater as error:
                self._look(patience, name, lambda error=error: str(error))  # type: ignore[misc]
            time.sleep(POLL_S)

    def _patience(self, name: str, logs: Sequence[Path], said: Callable[[], object]) -> Patience:
        def look() -> Signs:
            return Signs(cpu_seconds(self.supervisor.pids().get(name)), bytes_in(logs), said())

        return Patience(self.settings, name, look, tell=self.progress)

    def _look(self, patience: Patience, name: str, last: Callable[[], str]) -> None:
        self.supervisor.check()
        if self.interrupt.is_set():
            raise StartInterrupted("stopped while starting")
        ended = patience.at_an_end()
        if ended is not None:
            raise PlatformError(f"{name} {ended}. {last()}")
