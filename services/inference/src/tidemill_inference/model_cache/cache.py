"""Models under a memory limit: what is loaded, or taken unloaded, goes on a shelf and comes back when it is wanted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import count

from tidemill.artifact import ArtifactError, ArtifactStore, Manifest, OnnxModel, fetch_artifact
from tidemill.artifact.place import check_place
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference import metrics
from tidemill_inference.model_cache.lazy_model import ShelvedModel
from tidemill_inference.model_cache.lru import Shelf
from tidemill_inference.model_cache.memory_cost import Scales
from tidemill_inference.serving.scorer import Scorer
from tidemill_inference.versions.fetcher import Fetch
from tidemill_inference.versions.loader import Records, check_manifest

_log = logging.getLogger(__name__)


class Shelving:
    """Makes the models that serve, and keeps as many of them loaded as the limit allows. Any thread may use it."""

    def __init__(
        self,
        limit: int,
        load: Callable[[ModelVersion], OnnxModel],
        take: Callable[[ModelVersion], Manifest],
        *,
        on_proof: Callable[[ModelVersion, Exception | None], None],
        scales: Scales | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit`: in bytes. `load`: see `loader`; `take`: see `taker`. `on_proof` is told of a version that was taken
        unloaded when it is first loaded: None, or why it turns out to be unfit; it has answered nothing then.
        """
        self._shelf: Shelf[Scorer] = Shelf(limit)
        self._load = load
        self._take = take
        self._on_proof = on_proof
        self._scales = scales or Scales()
        self._monotonic_s = monotonic_s
        self._keys = count()
        self._names: dict[Hashable, str] = {}
        metrics.MODELS_LOADED.set_function(lambda: len(self._shelf))
        metrics.MODELS_LOADED_BYTES.set_function(lambda: self._shelf.cost)

    def load(self, event: ModelVersion) -> ShelvedModel:
        """The champion of an event, loaded and verified. Raises what `load` raises."""
        model, cost = self._weighed(event)
        shelved = self._new(event, model.manifest)
        shelved.place(model, cost)
        return shelved

    def take(self, event: ModelVersion) -> ShelvedModel:
        """The same by its verified manifest alone: it is loaded when it is first wanted. Raises what `take` raises."""
        return self._new(event, self._take(event))

    def find(self, key: int) -> Scorer | None:
        """The model, if it is kept; that is a use of it."""
        return self._shelf.get(key)

    def has(self, key: int) -> bool:
        """Whether it is kept."""
        return self._shelf.has(key)

    def keep(self, key: int, model: Scorer, cost: int) -> None:
        """Keep it, and let go what is too much then."""
        if cost > self._shelf.limit:
            name = self._names[key]
            metrics.MODELS_OVER_LIMIT.labels(name).inc()
            _log.warning(
                "version %d of %s takes %d bytes, more than the limit of %d: it is kept alone",
                model.manifest.version, name, cost, self._shelf.limit,
            )  # fmt: skip
        self._tell_gone(self._shelf.put(key, model, cost))

    def load_again(self, event: ModelVersion, cost: int | None) -> tuple[Scorer, int]:
        """Load a model that is wanted now. Where its cost is known, room is made for it first."""
        about = {"model": event.model, "model_version": f"{event.model}:{event.champion.version}"}
        started = time.perf_counter()
        try:
            if cost is not None:
                self._tell_gone(self._shelf.make_room(cost))
            model, weighed = self._weighed(event)
        except Exception as error:
            metrics.LOADS_WHEN_WANTED.labels(event.model, "failed").inc()
            trace = None if isinstance(error, ArtifactError | OSError) else error
            _log.error("a model that is wanted cannot be loaded: %s", error, exc_info=trace, extra=about)
            raise
        seconds = time.perf_counter() - started
        metrics.LOADS_WHEN_WANTED.labels(event.model, "loaded").inc()
        metrics.LOAD_WHEN_WANTED_SECONDS.labels(event.model).observe(seconds)
        _log.info("model loaded when wanted", extra=about | {"ms": round(seconds * 1_000), "bytes": weighed})
        return model, weighed if cost is None else cost

    def forget(self, key: int) -> None:
        """Nobody asks for it any more."""
        self._shelf.drop(key)
        self._names.pop(key, None)

    def _new(self, event: ModelVersion, manifest: Manifest) -> ShelvedModel:
        key = next(self._keys)
        self._names[key] = event.model
        return ShelvedModel(key, event, manifest, self, self._monotonic_s, self._on_proof)

    def _weighed(self, event: ModelVersion) -> tuple[OnnxModel, int]:
        return self._scales.load(lambda: self._load(event), lambda model: model.graph_bytes)

    def _tell_gone(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            metrics.MODELS_LET_GO.labels(self._names.get(key, "")).inc()


def taker(
    schemas: Records,
    tasks: Mapping[str, str],
    fetch: Fetch = fetch_artifact,
    store: ArtifactStore | None = None,
) -> Callable[[ModelVersion], Manifest]:
    """A function that gives the manifest of an event's champion, verified by its digest and held against the event as
    `loader` does. It raises ArtifactError and OSError as that does.
    """

    def take(event: ModelVersion) -> Manifest:
        reference = event.champion
        if store is not None:
            check_place(reference.artifact_uri, store.root, event.model)
        manifest = fetch(reference.artifact_uri, reference.manifest_digest, only=()).manifest
        check_manifest(manifest, event, tasks[event.model], schemas.record(event.model).field_names)
        return manifest

    return take
