"""What an audit found: proved, or disproved, with figures and the first positions that tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tidemill_operations.audit.ledger import Balance, Tally
from tidemill_operations.standing.label_counts import LabelsMet

PROVED, DISPROVED = 0, 1


@dataclass(frozen=True, slots=True)
class Proof:
    """The result for one model. `records` by role; `balances` in the order of the path; `start_offsets` None where
    no version has been released; `waiting` records do not disprove: nobody has worked on them yet.
    """

    model: str
    since_ms: int | None
    start_offsets: tuple[int, ...] | None
    records: Mapping[str, int]
    balances: tuple[Balance, ...]
    stream_predictions: int
    rest_predictions: int
    unreadable_predictions: int
    epochs_back: int
    seconds: float
    position_bytes: int
    dead_reasons: Counter[str] = field(default_factory=Counter)
    removed_unread: Mapping[str, int] = field(default_factory=dict)
    """By topic: offsets that were removed before the workers had read them, since their groups began."""
    labels_met: LabelsMet = field(default_factory=LabelsMet)
    """As *profile* counted them, whenever they came. Labels that are about no event disprove nothing: the platform
    lost none, but whoever wrote them may have named their events otherwise.
    """

    made_anew: Mapping[str, int] = field(default_factory=dict)
    """Topics that were deleted and made anew while the workers read them: results of the topic before, which are
    compared with nothing.
    """

    @property
    def holds(self) -> bool:
        """Nothing is lost, nothing twice, no epoch goes back."""
        return not any(balance.wrong for balance in self.balances) and not (
            self.epochs_back or self.unreadable_predictions or self.removed_unread
        )

    @property
    def waiting(self) -> int:
        return sum(balance.waiting for balance in self.balances)

    @property
    def exit_code(self) -> int:
        return PROVED if self.holds else DISPROVED

    @property
    def lost(self) -> int:
        """Source records that were passed and have no result."""
        return sum(balance.missing for balance in self.balances)

    @property
    def duplicated(self) -> int:
        """Results that should not be there."""
        return sum(balance.duplicated + balance.strangers for balance in self.balances)

    @property
    def disordered(self) -> int:
        return sum(balance.disordered for balance in self.balances)

    @property
    def tallies(self) -> dict[str, Tally]:
        """By balance, where everything was to be done by now."""
        found = {balance.name: balance.tally for balance in self.balances}
        found["epochs of predictions"] = Tally(duplicated=self.epochs_back + self.unreadable_predictions)
        return found

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "model": self.model,
            "holds": self.holds,
            "since": self.since_ms,
            "start_offsets": None if self.start_offsets is None else list(self.start_offsets),
            "records": dict(self.records),
            "lost": self.lost,
            "duplicated": self.duplicated,
            "disordered": self.disordered,
            "waiting": self.waiting,
            "removed_unread": dict(self.removed_unread),
            "labels_without_event": asdict(self.labels_met),
            "made_anew": dict(self.made_anew),
            "epochs_back": self.epochs_back,
            "unreadable_predictions": self.unreadable_predictions,
            "predictions": {"stream": self.stream_predictions, "rest": self.rest_predictions},
            "findings": [asdict(balance) for balance in self.balances],
            "dead_reasons": dict(self.dead_reasons.most_common()),
            "seconds": round(self.seconds, 1),
            "position_bytes": self.position_bytes,
        }
