"""Builds from settings what both entry points share. Nothing here connects yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidemill.artifact import ArtifactStore, Bounds, Manifest, OnnxModel, Prover, prepare_runtime
from tidemill.clock import SystemClock
from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import Schema, SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.kafka.client.broadcast import BroadcastReader
from tidemill.service.contract import Contract
from tidemill.service.footprint import LargeLoads, map_large_blocks
from tidemill_inference.model_cache.cache import Shelving, taker
from tidemill_inference.predictions.trial_reports import ReportWriter
from tidemill_inference.predictions.trial_tally import ArmTally
from tidemill_inference.serving.serving import Predictor
from tidemill_inference.settings import InferenceSettings
from tidemill_inference.stream.process import Route
from tidemill_inference.versions.fetcher import Fetcher
from tidemill_inference.versions.loader import loader
from tidemill_inference.versions.swapper import Swapper
from tidemill_inference.versions.watcher import VersionWatcher, WatcherParts


@dataclass(slots=True)
class Platform:
    """The contract as this process sees it now, and one predictor per model."""

    settings: InferenceSettings
    contract: Contract
    predictors: dict[str, Predictor]
    _tasks: dict[str, str] = field(default_factory=dict)
    _p95_s: dict[str, float] = field(default_factory=dict)
    _new_swapper: Callable[[Predictor], Swapper] | None = None
    _watcher: VersionWatcher | None = None

    @classmethod
    def load(cls, settings: InferenceSettings) -> Platform:
        """Read the contract and the model files that the settings name. Raises ConfigError."""
        contract = Contract.load(settings)
        platform = cls(settings, contract, {})
        platform.renew(contract)
        return platform

    def renew(self, contract: Contract, predictors: Mapping[str, Predictor] | None = None) -> None:
        """This contract is at work from now on. Versions of its new models are followed, too, by `predictors` where
        they are there; what the others serve stays as it is. May wait for a read of model-versions.
        """
        ready = predictors or {}
        new = {model: ready.get(model) or Predictor(model) for model in contract.models if model not in self.predictors}
        self.contract = contract
        self._tasks.update({name: spec.target.task for name, spec in contract.models.items()})
        self._p95_s.update({name: spec.release.limits.p95.total_seconds() for name, spec in contract.models.items()})
        self.predictors.update(new)
        if new and self._watcher is not None and self._new_swapper is not None:
            self._watcher.add({model: self._new_swapper(predictor) for model, predictor in new.items()})

    def record(self, model: str) -> Schema:
        """The record of a model, as it is known now."""
        return self.contract.schemas.record(model)

    @property
    def topics(self) -> TopicCatalog:
        """All topics by role and model."""
        return self.contract.topics

    @property
    def specs(self) -> Mapping[str, ModelSpec]:
        """The model files by model."""
        return self.contract.models

    @property
    def schemas(self) -> SchemaCatalog:
        """All schemas by role and model."""
        return self.contract.schemas

    def codec(self) -> Codec:
        """A codec; each thread needs its own."""
        return self.contract.codec()

    def route(self, model: str) -> Route:
        """Where the model's records come from and where its predictions go."""
        return route_of(self.contract, model)

    def report_writer(self, source: str) -> ReportWriter:
        """What tells the trainer how trials go; each thread needs its own."""
        schema = self.schemas.for_topic("arm_reports")
        return ReportWriter(ArmTally(source, self._p95_s), self.codec(), schema, self.topics.name("arm_reports"))

    def watcher(
        self, *, on_failure: Callable[[], None], on_switch: Callable[[str], None] = lambda model: None
    ) -> VersionWatcher:
        """The follower of model-versions that keeps the predictors up to date."""
        stop = threading.Event()
        store = ArtifactStore.of(self.settings)
        fetch = Fetcher(self.settings.fetch_timeout_s, self.settings.fetch_silence_s, stop.is_set, keys=store.keys)
        large = LargeLoads()
        prover = Prover(Bounds(self.settings.proof_timeout_s, self.settings.proof_memory_mb << 20))
        prover.start()
        load = loader(self, self._tasks, self.settings.onnx_threads, fetch, large.loaded, prover, store)
        clock = SystemClock()
        swappers: dict[str, Swapper] = {}
        shelving = self._shelving(load, taker(self, self._tasks, fetch, store), swappers)

        def new_swapper(predictor: Predictor) -> Swapper:
            if shelving is None:
                return Swapper(predictor, load, clock.now_ms, time.monotonic)
            return Swapper(predictor, shelving.load, clock.now_ms, time.monotonic, shelving.take)

        swappers.update({model: new_swapper(predictor) for model, predictor in self.predictors.items()})
        self._new_swapper = new_swapper
        parts = WatcherParts(
            reader=BroadcastReader(self.settings, self.topics.name("model_versions"), name="versions"),
            codec=self.codec(),
            schema=self.schemas.for_topic("model_versions"),
            swappers=swappers,
            poll_s=self.settings.swap_poll_ms / 1_000,
            on_switch=on_switch,
            on_failure=on_failure,
            stop=stop,
            on_turn=large,
        )
        self._watcher = VersionWatcher(parts)
        return self._watcher

    def _shelving(
        self,
        load: Callable[[ModelVersion], OnnxModel],
        take: Callable[[ModelVersion], Manifest],
        swappers: Mapping[str, Swapper],
    ) -> Shelving | None:
        """What keeps models under the limit; None without one."""
        limit = self.settings.model_memory_mb << 20
        if not limit:
            return None
        map_large_blocks()
        prepare_runtime()

        def tell(event: ModelVersion, error: Exception | None) -> None:
            swapper = swappers[event.model]
            if error is None:
                swapper.prove(event.epoch)
            else:
                swapper.disprove(event.epoch, error)

        return Shelving(limit, load, take, on_proof=tell)

    def without_version(self) -> list[str]:
        """The models for which nothing serves yet."""
        return [model for model, predictor in list(self.predictors.items()) if predictor.serving is None]

    def check_warm(self) -> str | None:
        """A readiness check: every model that the settings name is warm; where they name none, at least one is."""
        cold = self.without_version()
        needed = bool(self.settings.models)
        if cold and (needed or len(cold) == len(self.predictors)):
            return f"no version serves yet: {', '.join(cold)}"
        return None


def route_of(contract: Contract, model: str) -> Route:
    """Where a model's records come from and where its predictions go."""
    spec = contract.models[model]
    return Route(
        model=model,
        predictions_topic=contract.topics.name("predictions", model),
        record=contract.schemas.record(model),
        prediction=contract.schemas.prediction(model),
        event_id=spec.event_id,
        event_time=spec.event_time,
        entity=spec.entity,
        entity_hidden=spec.entity in spec.privacy,
        p95_s=spec.release.limits.p95.total_seconds(),
    )
