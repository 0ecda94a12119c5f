"""The application as it is deployed, keys and limits on, over the shipped models, in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from opentelemetry.trace import NoOpTracer
from starlette.types import ASGIApp

from tests.unit.core.access.support import key_store
from tests.unit.inference.fakes import NOW_MS, ROOT, ToyModel, event
from tidemill.access.callers import Scope
from tidemill.access.gate import Gate
from tidemill.access.rates import LocalRates
from tidemill.access.ring import KeyRing
from tidemill.artifact import Manifest, feature_columns
from tidemill.clock import SystemClock
from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas import SchemaCatalog
from tidemill.service import Health
from tidemill_inference.adapters.tracing import RequestSpans
from tidemill_inference.dataplane import ModelEndpoint
from tidemill_inference.serving import Predictor, Serving
from tidemill_inference.web.app import Limits, create_app


class Steady(ToyModel):
    """Takes all features of a model file and always has an answer: 0.25, or as many equal shares as classes."""

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        n = len(next(iter(inputs.values())))
        classes = len(self.manifest.classes)
        return np.full((n, classes), 1 / classes) if self.manifest.task == "multiclass" else np.full(n, 0.25)


def endpoint_of(spec: ModelSpec, schemas: SchemaCatalog, version: int = 1) -> ModelEndpoint:
    """An endpoint of a model file that serves `Steady`, with everything that the file expects, by today's clock."""
    classes = {"binary": ("false", "true"), "multiclass": ("a", "b", "c"), "regression": ()}[spec.target.task]
    manifest = Manifest(
        model=spec.name, version=version, task=spec.target.task, output="scores",
        features=feature_columns(spec.features), classes=classes,
        positive_class="true" if spec.target.task == "binary" else None,
    )  # fmt: skip
    predictor = Predictor(spec.name)
    serving = Serving(event(version, model=spec.name), Steady(version, manifest), NOW_MS)
    predictor.switch(serving, NOW_MS, live=True)
    record = schemas.record(spec.name)
    layout = layout_of(record.json)
    assert layout is not None
    return ModelEndpoint(spec, record, layout.arrow, predictor, SystemClock().now_ms)


def shipped_endpoints(names: Sequence[str] = ()) -> dict[str, ModelEndpoint]:
    """Endpoints of the shipped models."""
    specs = load_models(ROOT / "models", only=names)
    schemas = SchemaCatalog.load(ROOT / "schemas", specs)
    return {name: endpoint_of(spec, schemas) for name, spec in specs.items()}


def guarded_app(endpoints: Mapping[str, ModelEndpoint], folder: Path) -> tuple[ASGIApp, str]:
    """The application behind its gate, and a key for it."""
    store = key_store(folder, SystemClock())  # type: ignore[arg-type]
    key = store.create("test", [Scope.PREDICT], by="test").text
    ring = KeyRing(store.all, SystemClock().now_ms)
    ring.refresh()
    gate = Gate(ring, rates=LocalRates(), default_rate="1000000/second")
    limits = Limits(body_bytes=1 << 20, instances=1_000, retry_after_s=2)
    return create_app(endpoints, lambda *_: None, Health(), limits, RequestSpans(NoOpTracer()), gate=gate), key
