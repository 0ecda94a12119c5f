"""A first version that serves before it has been loaded: what may still turn out to be unfit."""

from __future__ import annotations

from collections.abc import Callable

from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.versions.offers import Offer


class ProvisionalStart:
    """Where models are loaded when wanted, the first version that serves here is taken without a load, if its event is
    older than the process and it is no trial: nothing has answered before it, so nothing is lost where it turns out to
    be unfit. Then it is disproved, and gives way to the next best. Once it has been loaded it is proved, and serves as
    any other version does.

    `prove` and `disprove` are for any thread, the rest for one at a time.
    """

    def __init__(self, take: Callable[[ModelVersion], Scorer] | None) -> None:
        """`take` gives a model that is not loaded yet; None where all models are loaded before they serve."""
        self._take = take
        self._next = False
        self._offer: Offer | None = None
        self._proved: int | None = None
        self._disproved: tuple[int, Exception] | None = None

    @property
    def stands(self) -> bool:
        """Whether what serves was taken, and has yet to be proved."""
        return self._offer is not None and self._offer.event.epoch != self._proved

    @property
    def is_disproved(self) -> bool:
        """Whether something was disproved and nobody has asked for it yet."""
        return self._disproved is not None

    def admit(self, offer: Offer, *, serves: bool) -> None:
        """Decide whether the offer that is loaded next is to be taken; `serves`: whether anything does."""
        first = not serves and not offer.live and offer.event.challenger is None
        self._next = first and self._take is not None

    def take(self, event: ModelVersion) -> Scorer | None:
        """The model of what was admitted; None where it is to be loaded."""
        return self._take(event) if self._next and self._take is not None else None

    def switched(self, offer: Offer, *, loaded: bool) -> None:
        """An offer serves now, `loaded` or as it was admitted."""
        self._offer = offer if self._next and not loaded else None

    def prove(self, epoch: int) -> None:
        """An epoch that was taken has been loaded, and is fit."""
        self._proved = epoch

    def ended(self) -> bool:
        """Whether what was taken has been proved since this was last asked."""
        if self._offer is None or self.stands:
            return False
        self._offer = None
        return True

    def disprove(self, epoch: int, error: Exception) -> None:
        """An epoch that was taken is unfit, and has answered nothing."""
        self._disproved = (epoch, error)

    def withdrawn(self) -> tuple[Offer, Exception] | None:
        """What was taken and is disproved, once: it no longer stands. None where another serves by now."""
        disproved, offer = self._disproved, self._offer
        if disproved is None:
            return None
        self._disproved = None
        if offer is None or offer.event.epoch != disproved[0]:
            return None
        self._offer = None
        return offer, disproved[1]
