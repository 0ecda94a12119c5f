"""Which version to load next, and what to do when that fails: the state of one model's versions, without I/O.

Epochs may be offered in any order, twice, or not at all. Whatever the order, what serves in the end is the
highest epoch among those offered that is fit to serve, and what serves never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tidemill.artifact import ArtifactError, Reason
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.serving.serving import Predictor, Serving
from tidemill_inference.versions.offers import Offer, Outcome, Step
from tidemill_inference.versions.provisional_start import ProvisionalStart

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0


class Swapper:
    """Brings one predictor to the newest version that is fit to serve.

    `begin`, `load` and `finish` are one step: `load` alone may run beside all else, in another thread; every other
    call is for one thread at a time. One version is loaded at a time.

    `load` fetches, verifies, loads, warms up and checks the golden rows of an event's champion; it raises
    ArtifactError for a version that must not serve (any other exception counts as that) and OSError where the
    store is away (tried again). It is called for a challenger in the champion's place, too. A version that is
    loaded already is not loaded again: a stage that moves costs nothing.

    `take`, where models are loaded when wanted, gives a model that is not loaded yet, in the place of `load` for the
    first version that serves here (see `ProvisionalStart`). Once it has been loaded `prove` is called; where it turns
    out to be unfit `disprove` is, `withdraw` goes back to nothing, and the next best that was offered takes its place.
    """

    def __init__(
        self,
        predictor: Predictor,
        load: Callable[[ModelVersion], Scorer],
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        take: Callable[[ModelVersion], Scorer] | None = None,
    ) -> None:
        self._predictor = predictor
        self._load = load
        self._provisional = ProvisionalStart(take)
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._candidates: dict[int, Offer] = {}
        self._since_s: dict[int, float] = {}
        self._refused: dict[int, Reason] = {}
        self._loading = False
        self._failures = 0
        self._not_before_s = 0.0

    @property
    def settled(self) -> bool:
        """Nothing that was offered remains to be loaded."""
        return not self._pending() and not self._provisional.is_disproved

    @property
    def waiting_s(self) -> float:
        """For how long something that was offered has been waiting to serve, in s; 0 where nothing is."""
        return max(0.0, self._monotonic_s() - min(self._since_s.values())) if self._since_s else 0.0

    @property
    def refused(self) -> Mapping[int, Reason]:
        """The epochs above the one that serves that were refused, and why."""
        return self._refused

    def offer(self, offer: Offer) -> bool:
        """Take note of an event; False where it changes nothing: an old epoch, a repeat, or one that was
        refused.
        """
        epoch = offer.event.epoch
        if epoch in self._refused or epoch in self._candidates or not self._is_news(epoch):
            return False
        if epoch > max(self._candidates, default=-1):
            self._failures, self._not_before_s = 0, 0.0  # news is tried at once
        self._candidates[epoch] = offer
        if epoch > self._epoch():
            self._since_s[epoch] = self._monotonic_s()
        return True

    def prove(self, epoch: int) -> None:
        """An epoch that was taken has been loaded, and is fit; from any thread."""
        self._provisional.prove(epoch)

    def disprove(self, epoch: int, error: Exception) -> None:
        """An epoch that was taken is unfit, and has answered nothing; from any thread."""
        self._provisional.disprove(epoch, error)

    def withdraw(self) -> Step:
        """Go back to nothing from what was taken, if it is disproved; that counts as its refusal. If it is proved, what
        was kept to take its place is forgotten.
        """
        if self._provisional.ended():
            self._forget_below(self._epoch())
        withdrawn = self._provisional.withdrawn()
        if withdrawn is None:
            return Step(Outcome.NOTHING)
        offer, error = withdrawn
        self._predictor.withdraw()
        self._since_s |= dict.fromkeys(self._candidates, self._monotonic_s())
        self._candidates[offer.event.epoch] = offer
        return self._refuse(offer, error)

    def step(self) -> Step:
        """Load the newest candidate, if there is one and its time has come, and switch to it."""
        withdrawn = self.withdraw()
        if withdrawn.outcome is not Outcome.NOTHING:
            return withdrawn
        offer = self.begin()
        return Step(Outcome.NOTHING) if offer is None else self.finish(offer, self.load(offer))

    def switch_to_loaded(self) -> Step:
        """Switch to the newest candidate where all of its models are loaded already: a rollback does not wait for
        what is being loaded.
        """
        if pending := self._pending():
            offer = self._candidates[max(pending)]
            if all(self._held(event) is not None for event in _arms(offer.event)):
                return self._switch(offer, self._loaded(offer), loaded=True)
        return Step(Outcome.NOTHING)

    def begin(self) -> Offer | None:
        """The newest candidate, to be loaded now; None where there is none, its time has not come, or another is
        being loaded.
        """
        pending = self._pending()
        if self._loading or not pending or self._monotonic_s() < self._not_before_s:
            return None
        self._loading = True
        offer = self._candidates[max(pending)]
        self._provisional.admit(offer, serves=self._predictor.serving is not None)
        return offer

    def load(self, offer: Offer) -> Serving | Exception:
        """Load what `begin` gave; gives, and never raises, what stood against it."""
        try:
            taken = self._provisional.take(offer.event)
            return self._loaded(offer) if taken is None else Serving(offer.event, taken, offer.appended_ms)
        except Exception as error:  # noqa: BLE001 - whatever a version breaks, the one before serves on
            return error

    def finish(self, offer: Offer, loaded: Serving | Exception) -> Step:
        """Switch to what `load` gave, or refuse or postpone it; nothing where a newer epoch serves by now."""
        self._loading = False
        if offer.event.epoch <= self._epoch():
            return Step(Outcome.NOTHING)
        if isinstance(loaded, OSError):
            return self._postpone(offer, loaded)
        if isinstance(loaded, Exception):
            return self._refuse(offer, loaded)
        return self._switch(offer, loaded, loaded=False)

    def _switch(self, offer: Offer, serving: Serving, *, loaded: bool) -> Step:
        """`loaded`: for certain; else it may be provisional."""
        self._provisional.switched(offer, loaded=loaded)
        swap = self._predictor.switch(serving, self._now_ms(), live=offer.live)
        self._forget_up_to(serving.epoch)
        return Step(Outcome.SWITCHED, offer, swap)

    def _loaded(self, offer: Offer) -> Serving:
        model, *others = [self._model(arm) for arm in _arms(offer.event)]
        return Serving(offer.event, model, offer.appended_ms, *others)

    def _model(self, event: ModelVersion) -> Scorer:
        held = self._held(event)
        return self._load(event) if held is None else held

    def _held(self, event: ModelVersion) -> Scorer | None:
        """The model of the event's champion, if it is loaded; what was taken has yet to be proved."""
        now = self._predictor.serving
        if now is not None and not self._provisional.stands:
            if now.event.champion == event.champion:
                return now.model
            if now.challenger is not None and now.event.challenger == event.champion:
                return now.challenger
        return None

    def _refuse(self, offer: Offer, error: Exception) -> Step:
        del self._candidates[offer.event.epoch]
        self._since_s.pop(offer.event.epoch, None)
        self._refused[offer.event.epoch] = error.reason if isinstance(error, ArtifactError) else Reason.OTHER
        self._failures, self._not_before_s = 0, 0.0
        return Step(Outcome.REFUSED, offer, error=error)

    def _postpone(self, offer: Offer, error: OSError) -> Step:
        if offer.event.epoch == max(self._candidates):  # what came while it was loaded does not wait for it
            delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**self._failures)
            self._failures += 1
            self._not_before_s = self._monotonic_s() + delay
        return Step(Outcome.POSTPONED, offer, error=error)

    def _forget_up_to(self, epoch: int) -> None:
        """What is below is kept where `epoch` was taken: it may turn out to be unfit."""
        self._since_s = {e: since for e, since in self._since_s.items() if e > epoch}
        if not self._provisional.stands:
            self._forget_below(epoch)
        else:
            del self._candidates[epoch]
        self._failures, self._not_before_s = 0, 0.0

    def _forget_below(self, epoch: int) -> None:
        self._candidates = {e: offer for e, offer in self._candidates.items() if e > epoch}
        self._refused = {e: reason for e, reason in self._refused.items() if e > epoch}

    def _pending(self) -> list[int]:
        """The epochs that are to be loaded."""
        return [epoch for epoch in self._candidates if epoch > self._epoch()]

    def _is_news(self, epoch: int) -> bool:
        now = self._epoch()
        return epoch > now or (epoch < now and self._provisional.stands)

    def _epoch(self) -> int:
        serving = self._predictor.serving
        return serving.epoch if serving else -1


def _arms(event: ModelVersion) -> list[ModelVersion]:
    """The event, and during a trial one with its challenger in the champion's place."""
    if event.challenger is None:
        return [event]
    return [event, replace(event, champion=event.challenger, challenger=None)]
