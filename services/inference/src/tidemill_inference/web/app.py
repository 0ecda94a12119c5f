"""The REST API: thin converters between HTTP and the dataplane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import Tracer, get_current_span
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from tidemill.service import Health, Report
from tidemill.telemetry.logs import model_version
from tidemill_inference.adapters.tracing import request_span
from tidemill_inference.dataplane import Answered, InvalidInstances, ModelEndpoint
from tidemill_inference.serving import NoVersion
from tidemill_inference.web.body import parse_instances, read_body
from tidemill_inference.web.describe import describe
from tidemill_inference.web.instrument import Instrument
from tidemill_inference.web.problems import (
    Problem,
    answer_defect,
    answer_http_exception,
    answer_problem,
    invalid,
    json_response,
    not_ready,
)

SCORED_IN_PLACE = 32
"""Up to so many instances are scored on the event loop (about a millisecond); more of them in a thread."""

_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own spans and metrics would stand beside ours: three more spans a request, health checks too."""

LogPredictions = Callable[[ModelEndpoint, Answered, bytes], object]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may send, and when to come back."""

    body_bytes: int
    instances: int
    retry_after_s: int


def create_app(
    endpoints: Mapping[str, ModelEndpoint],
    log: LogPredictions,
    health: Health,
    limits: Limits,
    tracer: Tracer,
) -> ASGIApp:
    """The application. `endpoints` by model; `log` takes every answered prediction and must not wait."""
    app = FastAPI(title="Tidemill inference", version="1", docs_url=None, redoc_url=None, telemetry=_OWN_TELEMETRY)
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(Exception, answer_defect)
    _add_predictions(app, endpoints, log, limits, tracer)
    _add_operations(app, health)
    return Instrument(app)  # outside the framework's layers: a defect's answer is counted and named too


def _add_predictions(
    app: FastAPI,
    endpoints: Mapping[str, ModelEndpoint],
    log: LogPredictions,
    limits: Limits,
    tracer: Tracer,
) -> None:
    def endpoint_of(model: str) -> ModelEndpoint:
        if model not in endpoints:
            known = ", ".join(sorted(endpoints))
            raise Problem(404, "unknown_model", f"no model {model!r} here: there are {known}")
        return endpoints[model]

    @app.get("/v1/models")
    async def models() -> Response:
        """The models with the version that serves."""
        return json_response({"models": [describe(endpoint, history=False) for endpoint in endpoints.values()]})

    @app.get("/v1/models/{model}")
    async def model(model: str) -> Response:
        """One model: version, epoch, digest, inputs, and the switches since the process began."""
        return json_response(describe(endpoint_of(model), history=True))

    @app.post("/v1/models/{model}/predict", openapi_extra=_REQUEST_BODY)
    async def predict(model: str, request: Request) -> Response:
        """Predict for one instance (an object with the model's fields) or for `{"instances": [...]}`."""
        endpoint = endpoint_of(model)
        body = await read_body(request, limits.body_bytes)
        instances, batch = parse_instances(body, limits.instances, frozenset(endpoint.record.field_names))
        with request_span(tracer, f"predict {model}", request.headers.get("traceparent")) as traceparent:
            answered = await _predict(endpoint, instances, limits.retry_after_s)
            version = f"{model}:{answered.predictions.serving.version}"
            model_version.set(version)
            get_current_span().set_attribute("tidemill.model_version", version)
            log(endpoint, answered, traceparent)
        headers = {
            "X-Model-Version": str(answered.predictions.serving.version),
            "traceparent": traceparent.decode(),
        }
        return json_response({"predictions": answered.answers} if batch else answered.answers[0], headers=headers)


async def _predict(endpoint: ModelEndpoint, instances: list[Any], retry_after_s: int) -> Answered:
    try:
        if len(instances) <= SCORED_IN_PLACE:
            return endpoint.predict(instances)
        return await run_in_threadpool(endpoint.predict, instances)
    except InvalidInstances as error:
        raise invalid(error) from error
    except NoVersion as error:
        raise not_ready(error, retry_after_s) from error


def _add_operations(app: FastAPI, health: Health) -> None:
    @app.get("/health/live", include_in_schema=False)
    async def live() -> Response:
        return _report(health.live())

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> Response:
        return _report(health.ready())

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), media_type=content_type)


def _report(report: Report) -> Response:
    body = {"status": "ok" if report.ok else "failed", "reasons": report.reasons}
    return json_response(body, 200 if report.ok else 503, None if report.ok else {"Retry-After": "2"})


_REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"type": "object", "description": "One instance: the model's fields."},
                        {
                            "type": "object",
                            "required": ["instances"],
                            "properties": {"instances": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
                        },
                    ]
                }
            }
        },
    }
}
