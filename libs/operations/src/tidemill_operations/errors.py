"""What a person asked for and cannot have, in words for them; the command line shows them as its own errors."""

from __future__ import annotations

from tidemill.errors import ConfigError, TidemillError

__all__ = ["NotPossible", "WrongUse"]


class WrongUse(ConfigError):
    """What was asked for is named wrongly or not at all: the message says what to say instead. Exit code 2."""

    def __init__(self, message: str, option: str | None = None) -> None:
        """`option`: the command line's option that the message is about."""
        super().__init__(message)
        self.option = option


class NotPossible(TidemillError):
    """It was asked for rightly, and the platform as it stands cannot give it. Exit code 1."""
