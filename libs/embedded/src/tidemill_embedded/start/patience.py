"""How long a part that is starting is waited for: while it shows signs of life, and within a limit.

A busy machine makes a start five times as long; a fixed deadline then ends what would have come up. What writes
to its log, uses CPU time or answers otherwise than before is at work; what does none of it hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tidemill_embedded.start.settings import StartSettings

WORK_S = 0.3
"""CPU seconds that count as a sign of life: a process that only idles takes longer than its silence for them."""
TELL_EVERY_S = 15.0
LOOK_EVERY_S = 0.5
"""Looking costs a walk through the process table."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What can be seen of a starting part: CPU seconds so far, size of its logs (bytes), what it answers."""

    cpu_s: float = 0.0
    log_bytes: int = 0
    answer: object = None


class Patience:
    """Waits for one part, beginning when it is made. `look` says what can be seen of it now."""

    def __init__(
        self,
        settings: StartSettings,
        name: str,
        look: Callable[[], Signs],
        *,
        tell: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tell` is given a line now and then, for a person who waits too."""
        self._settings, self._name, self._look, self._tell, self._clock = settings, name, look, tell, clock
        self._began = self._alive = self._told = self._looked = clock()
        self._last = look()

    def at_an_end(self) -> str | None:
        """Why it is waited for no longer, as the end of a sentence with what to do; None while it is."""
        now = self._clock()
        if now - self._looked < LOOK_EVERY_S:
            return None
        self._looked = now
        if self._shows_life():
            self._alive = now
        if now - self._began > self._settings.most_s:
            return (
                f"did not come up within {self._settings.most_s:.0f} s, though it shows signs of life. "
                "TIDEMILL_START_MOST_S gives it longer"
            )
        if now - self._alive > self._settings.silence_s:
            return (
                f"did not come up: for {self._settings.silence_s:.0f} s it has written nothing to its log, used no CPU "
                "time and answered nothing new. TIDEMILL_START_SILENCE_S gives it longer"
            )
        if now - self._told > TELL_EVERY_S:
            self._told = now
            since = f"{now - self._began:.0f} s so far, last sign of life {now - self._alive:.0f} s ago"
            self._tell(f"still starting {self._name}: {since}")
        return None

    def _shows_life(self) -> bool:
        last, new = self._last, self._look()
        if new.cpu_s < last.cpu_s:  # another process: the old one ended
            self._last = last = Signs(new.cpu_s, last.log_bytes, last.answer)
        if new.cpu_s - last.cpu_s < WORK_S and (new.log_bytes, new.answer) == (last.log_bytes, last.answer):
            return False
        self._last = new
        return True


def cpu_seconds(pid: int | None) -> float:
    """CPU time of a process and of what it has started and has not ended yet; 0 where there is none."""
    if pid is None:
        return 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(map(_own_seconds, family))


def _own_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def bytes_in(logs: Iterable[Path]) -> int:
    """Size of the files that are there."""
    return sum(log.stat().st_size for log in logs if log.exists())
