"""What is told to validators while they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidemill.contracts.events.datum import Datum, Millis

StreamAction = Literal["paused", "resumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorControl(Datum):
    """A raw topic was paused because of a flood of bad records, or may go on.

    The newest for a model and role holds. `admitted[p]`, on resumed: records of partition p before this offset are no
    flood any more, however bad.
    """

    control_id: str
    model: str
    role: str
    action: StreamAction
    admitted: tuple[int, ...]
    by: str
    reason: str
    at: Millis
