"""The Open Inference Protocol v2 (KServe, Triton, MLServer), with binary tensor data."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from tidemill import __version__
from tidemill.access.middleware import caller_of
from tidemill.json.values import cut
from tidemill.service import Health
from tidemill.web.content import JSON
from tidemill_inference.rest.body import body_type, check_number, read_body
from tidemill_inference.rest.dataplane import Answered, ModelEndpoint
from tidemill_inference.rest.handler import Predicting
from tidemill_inference.rest.problems import Problem, json_response, refusing
from tidemill_inference.rest.protocols.oip import PLATFORM, answer_outputs, inputs_of, instances_of, outputs_of, rows_of
from tidemill_inference.rest.protocols.tensors import InferRequest, MalformedTensors, read_request, write_response
from tidemill_inference.rest.request_checks import SCHEMA_RULE, InstanceError

OCTETS = "application/octet-stream"
HEADER_LENGTH = "Inference-Header-Content-Length"


def add_v2(app: FastAPI, predicting: Predicting, health: Health) -> None:
    """Add `/v2...`."""

    @app.get("/v2")
    async def server() -> Response:
        return json_response({"name": "tidemill", "version": __version__, "extensions": ["binary_tensor_data"]})

    @app.get("/v2/health/live")
    async def live() -> Response:
        return json_response({"live": health.live().ok}, 200 if health.live().ok else 503)

    @app.get("/v2/health/ready")
    async def ready() -> Response:
        return json_response({"ready": health.ready().ok}, 200 if health.ready().ok else 503)

    @app.get("/v2/models/{model}")
    @app.get("/v2/models/{model}/versions/{number}")
    async def metadata(model: str, request: Request, number: str | None = None) -> Response:
        return json_response(_metadata(_endpoint(predicting, request, model, number)))

    @app.get("/v2/models/{model}/ready")
    @app.get("/v2/models/{model}/versions/{number}/ready")
    async def model_ready(model: str, request: Request, number: str | None = None) -> Response:
        endpoint = _endpoint(predicting, request, model, number)
        is_ready = endpoint.predictor.serving is not None
        return json_response({"name": model, "ready": is_ready}, 200 if is_ready else 503)

    @app.post("/v2/models/{model}/infer")
    @app.post("/v2/models/{model}/versions/{number}/infer")
    async def infer(model: str, request: Request, number: str | None = None) -> Response:
        endpoint = _endpoint(predicting, request, model, number)
        asked = await _read(request, endpoint, predicting)
        with refusing(predicting.limits.retry_after_s):
            n = _rows(asked, endpoint)
        check_number(n, predicting.limits.instances)
        answered, headers = await predicting.answer(
            request, endpoint, lambda: endpoint.prepare(instances_of(asked.inputs, endpoint)), n
        )
        _same_version(answered, number)
        return _answer(asked, answered, headers)


def _endpoint(predicting: Predicting, request: Request, model: str, number: str | None) -> ModelEndpoint:
    """The endpoint, if the version that is named serves. Raises Problem 404."""
    endpoint = predicting.endpoint(model, caller_of(request.scope))
    serving = endpoint.predictor.serving
    if number is not None and (serving is None or str(serving.version) != number):
        now = f"version {serving.version} does" if serving else "none does yet"
        raise Problem(404, "unknown_version", f"version {number} of {model} does not serve: {now}")
    return endpoint


def _same_version(answered: Answered, number: str | None) -> None:
    """Between the look and the prediction another version may have begun to serve; and during a trial the entity
    decides which one answers.
    """
    found = answered.predictions.version_name
    if number is not None and found != number:
        raise Problem(404, "unknown_version", f"version {number} does not answer this: version {found} does")


async def _read(request: Request, endpoint: ModelEndpoint, predicting: Predicting) -> InferRequest:
    body_type(request, JSON, OCTETS, "")  # tritonclient names no type; a page's Origin tells it apart
    body = await read_body(request, predicting.limits.body_bytes)
    stated = request.headers.get(HEADER_LENGTH)
    if stated is not None and not (stated.isascii() and stated.isdigit() and len(stated) < 16):
        raise Problem(400, "malformed_tensors", f"{HEADER_LENGTH} must be a number of bytes")
    try:
        asked = read_request(body, None if stated is None else int(stated))
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed_json", f"the body is not JSON: {error}") from error
    except MalformedTensors as error:
        raise _malformed(error) from error
    known = {output["name"] for output in outputs_of(endpoint)}
    if len(asked.outputs) > len(known):
        raise Problem(422, "too_many_outputs", f"{len(asked.outputs)} outputs are asked for, there are {len(known)}")
    for wanted in asked.outputs:
        if wanted.name not in known:
            raise Problem(
                422, "unknown_output", f"no output {cut(wanted.name)!r}: there are {', '.join(sorted(known))}"
            )
    return asked


def _rows(asked: InferRequest, endpoint: ModelEndpoint) -> int:
    try:
        return rows_of(asked.inputs, endpoint)
    except MalformedTensors as error:
        raise _malformed(error) from error


def _malformed(error: MalformedTensors) -> Problem:
    errors = [InstanceError(0, error.tensor, error.reason, SCHEMA_RULE, "tensor")] if error.tensor else []
    return Problem(422, "malformed_tensors", str(error), errors)


def _answer(asked: InferRequest, answered: Answered, headers: dict[str, str]) -> Response:
    serving = answered.predictions.serving
    outputs = answer_outputs(answered)
    chosen = [(outputs[w.name], w.binary) for w in asked.outputs] or [(o, asked.binary) for o in outputs.values()]
    head: dict[str, Any] = {"model_name": serving.event.model, "model_version": answered.predictions.version_name}
    if asked.id is not None:
        head["id"] = asked.id
    head["parameters"] = {"epoch": serving.epoch}
    if asked.content_type == "pd":
        head["parameters"]["content_type"] = "pd"
    body, length = write_response(head, chosen)
    if length is None:
        return Response(body, headers=headers, media_type="application/json")
    return Response(body, headers={**headers, HEADER_LENGTH: str(length)}, media_type=OCTETS)


def _metadata(endpoint: ModelEndpoint) -> dict[str, Any]:
    serving = endpoint.predictor.serving
    return {
        "name": endpoint.spec.name,
        "versions": [str(serving.version)] if serving else [],
        "platform": PLATFORM,
        "parameters": {"loaded": serving is not None and serving.loaded},
        "inputs": inputs_of(endpoint),
        "outputs": outputs_of(endpoint),
    }
