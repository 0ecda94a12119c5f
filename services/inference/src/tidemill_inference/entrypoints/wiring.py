"""Builds from settings what both entry points share. Nothing here connects yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidemill.artifact import ArtifactStore, Bounds, Manifest, OnnxModel, Prover, prepare_runtime
from tidemill.clock import SystemClock
from tidemill.codec import Codec
from tidemill.contracts.events.platform import ModelVersion
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
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


@dataclass(frozen=True, slots=True)
class Platform:
    """The contract as this process sees it, and one predictor per model."""

    settings: InferenceSettings
    contract: Contract
    predictors: Mapping[str, Predictor]

    @classmethod
    def load(cls, settings: InferenceSettings) -> Platform:
        """Read the contract and the model files that the settings name. Raises ConfigError."""
        contract = Contract.load(settings)
        return cls(settings, contract, {model: Predictor(model) for model in contract.models})

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
        spec = self.specs[model]
        return Route(
            model=model,
            predictions_topic=self.topics.name("predictions", model),
            record=self.schemas.record(model),
            prediction=self.schemas.prediction(model),
            event_id=spec.event_id,
            event_time=spec.event_time,
            entity=spec.entity,
            entity_hidden=spec.entity in spec.privacy,
            p95_s=spec.release.limits.p95.total_seconds(),
        )

    def report_writer(self, source: str) -> ReportWriter:
        """What tells the trainer how trials go; each thread needs its own."""
        p95_s = {model: spec.release.limits.p95.total_seconds() for model, spec in self.specs.items()}
        schema = self.schemas.for_topic("arm_reports")
        return ReportWriter(ArmTally(source, p95_s), self.codec(), schema, self.topics.name("arm_reports"))

    def watcher(
        self, *, on_failure: Callable[[], None], on_switch: Callable[[str], None] = lambda model: None
    ) -> VersionWatcher:
        """The follower of model-versions that keeps the predictors up to date."""
        tasks = {name: spec.target.task for name, spec in self.specs.items()}
        stop = threading.Event()
        store = ArtifactStore.of(self.settings)
        fetch = Fetcher(self.settings.fetch_timeout_s, self.settings.fetch_silence_s, stop.is_set, keys=store.keys)
        large = LargeLoads()
        prover = Prover(Bounds(self.settings.proof_timeout_s, self.settings.proof_memory_mb << 20))
        prover.start()
        load = loader(self.schemas, tasks, self.settings.onnx_threads, fetch, large.loaded, prover, store)
        clock = SystemClock()
        swappers: dict[str, Swapper] = {}
        shelving = self._shelving(load, taker(self.schemas, tasks, fetch, store), swappers)
        for model, predictor in self.predictors.items():
            if shelving is None:
                swappers[model] = Swapper(predictor, load, clock.now_ms, time.monotonic)
            else:
                swappers[model] = Swapper(predictor, shelving.load, clock.now_ms, time.monotonic, shelving.take)
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
        return VersionWatcher(parts)

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
        return [model for model, predictor in self.predictors.items() if predictor.serving is None]

    def check_warm(self) -> str | None:
        """A readiness check: every model that the settings name is warm; where they name none, at least one is."""
        cold = self.without_version()
        needed = bool(self.settings.models)
        if cold and (needed or len(cold) == len(self.predictors)):
            return f"no version serves yet: {', '.join(cold)}"
        return None
