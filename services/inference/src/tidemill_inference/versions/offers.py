"""What a swapper is offered, and what its steps do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.serving import Swap


@dataclass(frozen=True, slots=True)
class Offer:
    """An event of model-versions. `appended_ms`: the record's timestamp. `live`: it came while this process
    ran. `traceparent`: the context of its release.
    """

    event: ModelVersion
    appended_ms: int
    live: bool
    traceparent: bytes | None = None


class Outcome(StrEnum):
    """What a step did."""

    NOTHING = "nothing"
    SWITCHED = "switched"
    REFUSED = "refused"
    POSTPONED = "postponed"


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step, with what it was about."""

    outcome: Outcome
    offer: Offer | None = None
    swap: Swap | None = None
    error: Exception | None = None
