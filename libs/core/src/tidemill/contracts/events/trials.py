"""What a trial of a challenger tells on the way: how often both arms were asked, and how they answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidemill.contracts.events.datum import Datum, Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCalls(Datum):
    """What one arm was asked. `rows` counts those that the other arm answered, too; `answered` its own."""

    calls: int
    slow: int
    rows: int
    failed: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmReport(Datum):
    """What both arms of a trial were asked by one process since its last report.

    `buckets`, `champion_scores` and `challenger_scores` are aligned. Readers drop a repeated `report_id`.
    """

    report_id: str
    model: str
    epoch: int
    source: Literal["stream", "rest"]
    champion: int
    challenger: int
    champion_calls: ArmCalls
    challenger_calls: ArmCalls
    buckets: tuple[int, ...]
    champion_scores: tuple[int, ...]
    challenger_scores: tuple[int, ...]
    at: Millis
