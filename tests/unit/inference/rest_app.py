"""The application as it is deployed, keys and limits on, over the shipped models, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from opentelemetry.trace import NoOpTracer
from starlette.types import ASGIApp

from tests.support.polling import until
from tests.unit.core.access.support import key_store
from tests.unit.inference.fakes import NOW_MS, ROOT, ToyModel, event
from tidemill.access.authorizer import Gate
from tidemill.access.credentials.callers import Scope
from tidemill.access.credentials.ring import KeyRing
from tidemill.access.limits.rates import LocalRates
from tidemill.access.log.lines import AccessLog
from tidemill.artifact import Manifest, feature_columns
from tidemill.clock import SystemClock
from tidemill.codec.layout import layout_of
from tidemill.contracts.model_file import ModelSpec, load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.service import Health
from tidemill.web.serving import HttpServer, server_config
from tidemill.web.tls.server import ServerTls
from tidemill.web.visitors import Visitors
from tidemill_inference.rest.app import create_app
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.fast_path.route import LeanRoute
from tidemill_inference.rest.fast_path.uvicorn_protocol import lean_protocol
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.scheduling.micro_batcher import Log
from tidemill_inference.rest.tracing import RequestSpans
from tidemill_inference.serving.serving import Predictor, Serving


class Steady(ToyModel):
    """Takes all features of a model file and always has an answer: 0.25, or as many equal shares as classes."""

    def score(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        n = len(next(iter(inputs.values())))
        classes = len(self.manifest.classes)
        return np.full((n, classes), 1 / classes) if self.manifest.task == "multiclass" else np.full(n, 0.25)


def steady(spec: ModelSpec, version: int = 1) -> Steady:
    """`Steady` for the features and the task of a model file."""
    classes = {"binary": ("false", "true"), "multiclass": ("a", "b", "c"), "regression": ()}[spec.target.task]
    manifest = Manifest(
        model=spec.name, version=version, task=spec.target.task, output="scores",
        features=feature_columns(spec.features), classes=classes,
        positive_class="true" if spec.target.task == "binary" else None,
    )  # fmt: skip
    return Steady(version, manifest)


def endpoint_of(spec: ModelSpec, schemas: SchemaCatalog, version: int = 1) -> ModelEndpoint:
    """An endpoint of a model file that serves `Steady`, with everything that the file expects, by today's clock."""
    predictor = Predictor(spec.name)
    serving = Serving(event(version, model=spec.name), steady(spec, version), NOW_MS)
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


@dataclass(frozen=True, slots=True)
class Deployed:
    """The application behind its gate, the protocol that stands before it, and a key for both; `new_key` makes another
    with some scopes, and a rate of its own where it is given.
    """

    app: ASGIApp
    protocol: Any
    key: str
    new_key: Callable[..., str]


def deployed(
    endpoints: Mapping[str, ModelEndpoint],
    folder: Path,
    rate: str = "1000000/second",
    access_log: AccessLog | None = None,
    log: Log = lambda *_: None,
    spans: RequestSpans | None = None,
) -> Deployed:
    """As *serve* wires it; `rate`: of every caller; `log` takes what was answered."""
    store = key_store(folder, SystemClock())  # type: ignore[arg-type]
    key = store.create("test", [Scope.PREDICT], by="test").text
    ring = KeyRing(store.all, SystemClock().now_ms)
    ring.refresh()

    def new_key(*scopes: str, rate: str | None = None) -> str:
        text = store.create("another", scopes, by="test", rate=rate).text
        assert ring.refresh()
        return text

    gate = Gate(ring, rates=LocalRates(), default_rate=rate)
    limits = Limits(body_bytes=1 << 20, instances=1_000, retry_after_s=2)
    visitors = Visitors("private", origins=["https://shop.example.org"])
    predicting = Predicting(endpoints, log, limits, spans or RequestSpans(NoOpTracer()))
    return Deployed(
        create_app(predicting, Health(), gate=gate, visitors=visitors, access_log=access_log),
        lean_protocol(LeanRoute(predicting, gate, visitors, access_log)),
        key,
        new_key,
    )


@contextmanager
def served(service: Deployed, tls: ServerTls | None = None) -> Iterator[str]:
    """The service behind a socket, as *serve* runs it, in a thread; gives HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = server_config(service.app, http=service.protocol, drain_s=15, lifespan="off", tls=tls)
        server = HttpServer(config, tls)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started, 30, "the server has started")
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
