"""Which version to load next, and what to do when that fails: the state of one model's versions, without I/O.

Epochs may be offered in any order, twice, or not at all. Whatever the order, what serves in the end is the
highest epoch among those offered that is fit to serve, and what serves never goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tidemill.artifact import ArtifactError
from tidemill.contracts.events import ModelVersion
from tidemill_inference.serving import Predictor, Scorer, Serving, Swap

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0


@dataclass(frozen=True, slots=True)
class Offer:
    """An event of model-versions. `appended_ms`: the record's timestamp. `live`: it came while this process
    ran.
    """

    event: ModelVersion
    appended_ms: int
    live: bool


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


class Swapper:
    """Brings one predictor to the newest version that is fit to serve. One thread uses it.

    `load` fetches, verifies, loads, warms up and checks the golden rows of an event's champion; it raises
    ArtifactError for a version that must not serve (any other exception counts as that) and OSError where the
    store is away (tried again). It is called for a challenger in the champion's place, too. A version that is
    loaded already is not loaded again: a stage that moves costs nothing.
    """

    def __init__(
        self,
        predictor: Predictor,
        load: Callable[[ModelVersion], Scorer],
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._predictor = predictor
        self._load = load
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._candidates: dict[int, Offer] = {}
        self._refused: set[int] = set()
        self._failures = 0
        self._not_before_s = 0.0

    @property
    def settled(self) -> bool:
        """Nothing that was offered remains to be loaded."""
        return not self._candidates

    def offer(self, offer: Offer) -> bool:
        """Take note of an event; False where it changes nothing: an old epoch, a repeat, or one that was
        refused.
        """
        epoch = offer.event.epoch
        if epoch <= self._epoch() or epoch in self._refused or epoch in self._candidates:
            return False
        if epoch > max(self._candidates, default=-1):
            self._failures, self._not_before_s = 0, 0.0  # news is tried at once
        self._candidates[epoch] = offer
        return True

    def step(self) -> Step:
        """Load the newest candidate, if there is one and its time has come, and switch to it."""
        if not self._candidates or self._monotonic_s() < self._not_before_s:
            return Step(Outcome.NOTHING)
        offer = self._candidates[max(self._candidates)]
        try:
            serving = self._loaded(offer)
        except ArtifactError as error:
            return self._refuse(offer, error)
        except OSError as error:
            return self._postpone(offer, error)
        except Exception as error:  # noqa: BLE001 - whatever a version breaks, the one before serves on
            return self._refuse(offer, error)
        swap = self._predictor.switch(serving, self._now_ms(), live=offer.live)
        self._forget_up_to(serving.epoch)
        return Step(Outcome.SWITCHED, offer, swap)

    def _loaded(self, offer: Offer) -> Serving:
        event = offer.event
        model = self._model(event)
        challenger = None
        if event.challenger is not None:
            challenger = self._model(replace(event, champion=event.challenger, challenger=None))
        return Serving(event, model, offer.appended_ms, challenger)

    def _model(self, event: ModelVersion) -> Scorer:
        """The model of the event's champion: the one that is loaded, if it is."""
        now = self._predictor.serving
        if now is not None:
            if now.event.champion == event.champion:
                return now.model
            if now.challenger is not None and now.event.challenger == event.champion:
                return now.challenger
        return self._load(event)

    def _refuse(self, offer: Offer, error: Exception) -> Step:
        del self._candidates[offer.event.epoch]
        self._refused.add(offer.event.epoch)
        self._failures, self._not_before_s = 0, 0.0
        return Step(Outcome.REFUSED, offer, error=error)

    def _postpone(self, offer: Offer, error: OSError) -> Step:
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**self._failures)
        self._failures += 1
        self._not_before_s = self._monotonic_s() + delay
        return Step(Outcome.POSTPONED, offer, error=error)

    def _forget_up_to(self, epoch: int) -> None:
        self._candidates = {e: offer for e, offer in self._candidates.items() if e > epoch}
        self._refused = {e for e in self._refused if e > epoch}
        self._failures, self._not_before_s = 0, 0.0

    def _epoch(self) -> int:
        serving = self._predictor.serving
        return serving.epoch if serving else -1
