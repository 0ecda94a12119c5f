"""Why the platform did not do what was asked: one small tree, whose texts say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill.errors import TidemillError

if TYPE_CHECKING:
    from tidemill.client.exchange import Answer
    from tidemill.client.flows.pushing import Pushed

__all__ = [
    "AccessRefused", "BacktestFailed", "ClientError", "InvalidRows", "MissingPackage", "NoVersion", "NotReachable",
    "NotStored", "Refused", "RowError", "RowsRefused", "TooOften", "UnknownModel", "WaitedTooLong",
]  # fmt: skip

SHOWN_ERRORS = 3


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row is not taken. `index`: its place in what was given, from 0; `field` is empty where it is about the
    whole row; `rule`: an expectation's name, `schema` or `model`, where the platform said one.
    """

    index: int
    field: str
    reason: str
    rule: str = ""

    def __str__(self) -> str:
        place = f"row {self.index}"
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


class ClientError(TidemillError):
    """Root of all that a client raises on purpose."""


class NotReachable(ClientError):
    """No answer, for as long as was tried. What was asked may have been done all the same, if it was sent."""


class Refused(ClientError):
    """The platform answered that it does not do this. `status`: HTTP's; `code`: a stable name such as `busy`; `answer`:
    all of it, where there is one.
    """

    def __init__(self, message: str, status: int, code: str = "", answer: Answer | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.answer = answer


class AccessRefused(Refused):
    """No key, one that proves nobody, or one without the scope that is needed."""


class TooOften(Refused):
    """The caller stayed above its rate for as long as was tried."""


class UnknownModel(Refused):
    """There is no model of that name."""


class NoVersion(Refused):
    """The model has no version yet: `wait_for_version` waits for it."""


class InvalidRows(ClientError):
    """Rows that are no records of the model: nothing was predicted. `errors`: every wrong field that was told."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(listed(errors))
        self.errors = tuple(errors)


class RowsRefused(ClientError):
    """Some rows were not taken; all others are stored. `pushed` says which, and why."""

    def __init__(self, pushed: Pushed) -> None:
        rows = len({error.index for error in pushed.refused})
        super().__init__(f"{rows:,} rows were not taken, {pushed.accepted:,} are stored: {listed(pushed.refused)}")
        self.pushed = pushed


class NotStored(ClientError):
    """Some rows were not acknowledged for as long as was tried, and none behind them was sent. `pushed` says what was
    stored before; `rows` are the places of those that may be stored or not, to be pushed again with the same event ids
    (`event_ids`): nothing counts twice. `next_row` is the place of the first that was not sent.
    """

    def __init__(
        self, pushed: Pushed, rows: Sequence[int], event_ids: Sequence[str], next_row: int, why: str
    ) -> None:  # fmt: skip
        super().__init__(
            f"{len(rows):,} rows from row {rows[0]} on are not acknowledged, none from row {next_row} on was sent, "
            f"{pushed.accepted:,} are stored: {why}. Push them again with the same event ids: nothing counts twice"
        )
        self.pushed = pushed
        self.rows = tuple(rows)
        self.event_ids = tuple(event_ids)
        self.next_row = next_row


class WaitedTooLong(ClientError):
    """What was waited for did not come in time."""


class MissingPackage(ClientError):
    """Something that is asked for needs a package that is not installed; the text says which."""


class BacktestFailed(ClientError):
    """A backtest ended without a report; the text is what it said."""


def listed(errors: Sequence[RowError]) -> str:
    """The first few errors, and how many more there are."""
    more = len(errors) - SHOWN_ERRORS
    told = "; ".join(map(str, errors[:SHOWN_ERRORS]))
    return f"{told}; and {more:,} more" if more > 0 else told
