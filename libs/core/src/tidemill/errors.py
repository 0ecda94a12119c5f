"""The one small tree of failures: the class says what the runtime must do.

`RetryLater` waits and tries the same work again, `DeadLetter` sets one record aside,
`FatalError` ends the process. Everything else is a defect and ends the process with a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ConfigError", "DeadLetter", "FatalError", "Fenced", "HoldTopics", "RetryLater", "TidemillError"]


class TidemillError(Exception):
    """Root of all failures that this platform raises on purpose."""


class RetryLater(TidemillError):
    """A dependency is away: nothing is wrong with the data, the same work is tried again.

    `delay_s` is the least time to wait, in seconds. Never leads to a dead letter.
    """

    def __init__(self, message: str = "a dependency is away", *, delay_s: float = 1.0) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class DeadLetter(TidemillError):
    """One record can never be processed: it is set aside with `reason` and the rest goes on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HoldTopics(TidemillError):
    """Nothing of this batch is written, and these topics are not read any further until somebody says otherwise; the
    others go on.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        super().__init__(", ".join(sorted(self.topics)))


class FatalError(TidemillError):
    """The process cannot go on; its message says what a person has to do. Exit code 1."""


class Fenced(FatalError):
    """Another process works under the same transactional id: this one must end. Exit code 3."""


class ConfigError(FatalError):
    """A setting, a file or a topic is not as it must be; the message names it. Exit code 2."""
