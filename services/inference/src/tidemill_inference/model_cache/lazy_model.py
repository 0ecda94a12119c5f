"""A model that is loaded when it is wanted: what serves holds it, loaded or not."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from tidemill.artifact import Manifest
from tidemill.contracts.events.platform import ModelVersion
from tidemill.errors import RetryLater
from tidemill_inference.serving.scorer import Scorer, Scores

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0


class NotLoaded(RetryLater):
    """The model is not loaded, and cannot be loaded now; `delay_s`: when it is worth asking again."""

    def __init__(self, event: ModelVersion, delay_s: float) -> None:
        super().__init__(f"version {event.champion.version} of {event.model} cannot be loaded now", delay_s=delay_s)
        self.model = event.model


class Keeper(Protocol):
    """What keeps loaded models: `Shelving`."""

    def find(self, key: int) -> Scorer | None:
        """The model, if it is kept; that is a use of it."""
        ...

    def keep(self, key: int, model: Scorer, cost: int) -> None:
        """Keep it."""
        ...

    def has(self, key: int) -> bool:
        """Whether it is kept; that is no use of it."""
        ...

    def load_again(self, event: ModelVersion, cost: int | None) -> tuple[Scorer, int]:
        """Load and verify it; gives its cost too. `cost`: what it was the last time."""
        ...

    def forget(self, key: int) -> None:
        """Nobody asks for it any more."""
        ...


class ShelvedModel:
    """Satisfies `Scorer`. The graph is fetched by its digest and held against its golden rows each time it is loaded.

    Any thread may use it. Who comes while it is loaded waits for that load: nobody loads it a second time. As long as
    somebody still uses a graph that was let go, that one is used.
    """

    def __init__(
        self,
        key: int,
        event: ModelVersion,
        manifest: Manifest,
        keeper: Keeper,
        monotonic_s: Callable[[], float],
        on_proof: Callable[[ModelVersion, Exception | None], None],
    ) -> None:
        """`event`: its champion is the model. Where it was not placed, `on_proof` is told once what the very first load
        says: None where the version is fit, else why it must not serve: it is not loaded again then.
        """
        self._key = key
        self._event = event
        self._manifest = manifest
        self._keeper = keeper
        self._monotonic_s = monotonic_s
        self._on_proof = on_proof
        self._loading = threading.Lock()
        self._last: weakref.ref[Scorer] | None = None
        self._cost: int | None = None
        self._failures, self._not_before_s = 0, 0.0
        self.gains_by_batches = False
        weakref.finalize(self, keeper.forget, key).atexit = False

    @property
    def manifest(self) -> Manifest:
        """What the model is."""
        return self._manifest

    @property
    def loaded(self) -> bool:
        """Whether it is in memory."""
        return self._keeper.has(self._key) or self._alive() is not None

    def place(self, model: Scorer, cost: int) -> None:
        """It has been loaded and verified: keep it."""
        self._cost, self._last = cost, weakref.ref(model)
        self.gains_by_batches = model.gains_by_batches
        self._failures, self._not_before_s = 0, 0.0
        self._keeper.keep(self._key, model, cost)

    def hold(self) -> Scorer | None:
        """The loaded model, which stays while the caller keeps it; None where it must be loaded. Never waits."""
        model = self._keeper.find(self._key)
        if model is None and (model := self._alive()) is not None:
            self._keeper.keep(self._key, model, self._cost or 0)
        return model

    def load(self) -> Scorer:
        """The loaded model; waits for its load where it must. Raises NotLoaded."""
        return self.hold() or self._loaded_once()

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Scores:
        """As `OnnxModel.score`. Raises NotLoaded, ArtifactError where the graph fails."""
        return self.load().score(inputs)

    def _alive(self) -> Scorer | None:
        return self._last() if self._last is not None else None

    def _loaded_once(self) -> Scorer:
        with self._loading:
            model = self.hold()
            if model is not None:
                return model
            wait_s = self._not_before_s - self._monotonic_s()
            if wait_s > 0:
                raise NotLoaded(self._event, min(wait_s, LONGEST_DELAY_S))
            try:
                model, cost = self._keeper.load_again(self._event, self._cost)
            except Exception as error:
                raise self._put_off(error) from error
            is_first = self._cost is None
            self.place(model, cost)
            if is_first:
                self._on_proof(self._event, None)
            return model

    def _put_off(self, error: Exception) -> NotLoaded:
        """Not before a while; not ever where it is unfit."""
        delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**self._failures)
        self._failures += 1
        self._not_before_s = self._monotonic_s() + delay_s
        if self._cost is None and not isinstance(error, OSError):  # never loaded: it has answered nothing yet
            self._not_before_s = float("inf")
            self._on_proof(self._event, error)
        return NotLoaded(self._event, delay_s)
