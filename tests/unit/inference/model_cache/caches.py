"""Shelving over toy models, with what it loads and when under control."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.inference.fakes import MODEL, ToyModel, event
from tidemill.artifact import Manifest
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.model_cache.cache import Shelving
from tidemill_inference.model_cache.memory_cost import LONGEST_WAIT_S, Scales

COST = 10


class ToyGraph(ToyModel):
    """A toy model with a file of COST bytes."""

    graph_bytes = COST


class Shelves:
    """`error`: what the next loads raise. `during_load`: called within each."""

    def __init__(self, models: int, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        """Room for so many models. `longest_wait_s`: for a load that hangs."""
        self.error: Exception | None = None
        self.during_load: Callable[[], object] = lambda: None
        self.loads: list[int] = []
        self.fit: list[int] = []
        self.unfit: list[int] = []
        self.seconds = 0.0
        self.shelving = Shelving(
            models * COST,
            self._load,  # type: ignore[arg-type]
            self._take,
            on_proof=lambda wanted, error: (self.unfit if error else self.fit).append(wanted.epoch),
            scales=Scales(lambda: 0, lambda: None, longest_wait_s),
            monotonic_s=lambda: self.seconds,
        )

    def take(self, version: int, model: str = MODEL):  # type: ignore[no-untyped-def]
        """A version that is not loaded."""
        return self.shelving.take(event(version, model=model))

    def _load(self, wanted: ModelVersion) -> ToyGraph:
        self.loads.append(wanted.champion.version)
        self.during_load()
        if self.error is not None:
            raise self.error
        return ToyGraph(wanted.champion.version)

    def _take(self, wanted: ModelVersion) -> Manifest:
        return ToyGraph(wanted.champion.version).manifest
