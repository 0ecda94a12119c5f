"""When a child that ended is started again, and when to give up. Pure: time comes in as an argument.

A service's exit code says what kind of end it was (`tidemill.service`): 0 clean, 1 crash, 2 wrong
configuration, 3 fenced. Others, and signals, are of a process that could say nothing any more: a record may be the
reason, which the processes after it find within six (`tidemill.kafka.poison.steps`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

EXIT_CONFIG = 2
EXIT_FENCED = 3
_SAID = (0, 1, EXIT_CONFIG, EXIT_FENCED)


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again in `after_s` seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not start it again; `reason` completes the sentence "NAME ..."."""

    reason: str


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off with a limit.

    `limit` restarts within `window_s` seconds are made, with pauses of `first_s`, 2 * `first_s`, ... up to `longest_s`;
    the next end within the window is one too many. Ends longer ago than the window count no more. Where none of these
    ends was said by the process itself, the limit is `unsaid_limit`. A fenced process has a successor or a twin at
    work: it comes back after `fenced_s` at the earliest, so that the two do not fence each other in turns.
    """

    first_s: float = 0.2
    longest_s: float = 10.0
    limit: int = 5
    unsaid_limit: int = 10
    window_s: float = 60.0
    fenced_s: float = 3.0


@dataclass(slots=True)
class RestartHistory:
    """The ends of one child, and what to do after the next one."""

    policy: RestartPolicy
    restarts: int = 0
    """How often the child was started again, ever."""
    _ends: deque[tuple[float, bool]] = field(default_factory=deque)

    def ended(self, code: int, now_s: float) -> Restart | GiveUp:
        """The child ended with `code` (negative: by that signal) at `now_s`, seconds on any clock that only
        goes forward.
        """
        if code == EXIT_CONFIG:
            return GiveUp("says that its configuration is wrong (exit code 2)")
        self._ends.append((now_s, code in _SAID))
        while self._ends[0][0] <= now_s - self.policy.window_s:
            self._ends.popleft()
        count = len(self._ends)
        if count > (self.policy.limit if any(said for _, said in self._ends) else self.policy.unsaid_limit):
            return GiveUp(f"ended {count} times within {self.policy.window_s:.0f} s, at last {describe(code)}")
        self.restarts += 1
        pause = min(self.policy.first_s * 2 ** (count - 1), self.policy.longest_s)
        return Restart(max(pause, self.policy.fenced_s) if code == EXIT_FENCED else pause)


def describe(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"by signal {-code}"
    return {0: "by itself (exit code 0)", EXIT_FENCED: "fenced by another (exit code 3)"}.get(
        code, f"with exit code {code}"
    )
