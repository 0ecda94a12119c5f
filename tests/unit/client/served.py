"""Ingest and serve in this process, without Kafka, behind real sockets; and a way to lose what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.unit.inference.rest_app import Deployed, deployed, endpoint_of, served
from tests.unit.ingest.conftest import Ingest, ingest_of
from tidemill.client import Client
from tidemill.client.exchange import Answer, Flow, NoAnswer, Pause, Request
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_ingest.records import Target
from tidemill_ingest.service import build_targets

MODEL = "flight-delay"
T = TypeVar("T")


@dataclass
class World:
    """What answers, and what a client is made with to reach it."""

    ingest: Ingest
    endpoint: ModelEndpoint
    addresses: dict[str, Any]

    def client(self, **over: Any) -> Client:
        return Client(**{**self.addresses, "retry_s": 0.0, **over})


def contract(root: Path) -> tuple[SchemaCatalog, list[Target]]:
    models = load_models(root / "models", (MODEL,))
    schemas = SchemaCatalog.load(root / "schemas", models)
    return schemas, build_targets(models.values(), TopicCatalog.load(root / "schemas", ""), schemas)


@contextmanager
def world(root: Path, folder: Path) -> Iterator[World]:
    """Both services over the flight model; serve asks for a key."""
    schemas, targets = contract(root)
    ingest = ingest_of(schemas, targets)
    endpoint = endpoint_of(load_models(root / "models", (MODEL,))[MODEL], schemas)
    service = deployed({MODEL: endpoint}, folder)
    with ExitStack() as running:
        front = running.enter_context(served(Deployed(ingest.client.app, "h11", "", lambda *_: "")))
        behind = running.enter_context(served(service))
        addresses = {"ingest": f"http://{front}", "serve": f"http://{behind}", "key": service.key}
        yield World(ingest, endpoint, addresses)
    ingest.service.close()


Send = Callable[[Request], Answer | NoAnswer]


def asking(ingest: Ingest) -> Send:
    """Sends a request to ingest, with no socket between."""

    def send(request: Request) -> Answer:
        response: httpx.Response = ingest.client.request(
            request.method, request.path, content=request.body, headers=dict(request.headers)
        )
        return Answer(response.status_code, response.headers, response.content)

    return send


def drive(flow: Flow[T], send: Send) -> tuple[T, list[float]]:
    """What a flow comes to, and the pauses it asked for; none is kept."""
    pauses: list[float] = []
    step = next(flow)
    try:
        while True:
            if isinstance(step, Pause):
                pauses.append(step.seconds)
                step = next(flow)
            else:
                step = flow.send(send(step))
    except StopIteration as done:
        return done.value, pauses
