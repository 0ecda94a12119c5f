"""Our own protocol: thin converters between HTTP and the dataplane."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from tidemill.access.middleware import caller_of
from tidemill.web.content import JSON
from tidemill_inference.rest.body import body_type, parse_instances, read_body
from tidemill_inference.rest.handler import Predicting
from tidemill_inference.rest.problems import json_response, refusing
from tidemill_inference.rest.protocols.arrow import ARROW, read_rows, write_answers
from tidemill_inference.rest.protocols.describe import describe

PREDICT = "/v1/models/{model}/predict"


def add_v1(app: FastAPI, predicting: Predicting) -> None:
    """Add `/v1/models...`."""
    limits = predicting.limits

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        """The models with the version that serves."""
        found = [describe(endpoint, history=False) for endpoint in predicting.shown(caller_of(request.scope))]
        return json_response({"models": found})

    @app.get("/v1/models/{model}")
    async def model(model: str, request: Request) -> Response:
        """One model: version, epoch, digest, inputs, and the switches since the process began."""
        return json_response(describe(predicting.endpoint(model, caller_of(request.scope)), history=True))

    @app.post(PREDICT)
    async def predict(model: str, request: Request) -> Response:
        """Predict for one instance (an object with the model's fields), for `{"instances": [...]}`, or for the rows
        of an Arrow stream.
        """
        endpoint = predicting.endpoint(model, caller_of(request.scope))
        if body_type(request, JSON, ARROW) == ARROW:
            stream = await read_body(request, limits.arrow_bytes)
            with refusing(limits.retry_after_s):
                rows = read_rows(stream, limits.arrow_rows, endpoint.columns, limits.arrow_bytes)
            answered, headers = await predicting.answer(
                request, endpoint, lambda: endpoint.prepare_columns(rows), rows.num_rows
            )
            return Response(write_answers(answered), headers=headers, media_type=ARROW)
        body = await read_body(request, limits.body_bytes)
        instances, batch = parse_instances(body, limits.instances, frozenset(endpoint.record.field_names))
        answered, headers = await predicting.answer(
            request, endpoint, lambda: endpoint.prepare(instances), len(instances)
        )
        return json_response(content_of(answered.answers, batch), headers=headers)


def content_of(answers: list[dict[str, Any]], batch: bool) -> dict[str, Any]:
    """The body of an answer: `{"predictions": [...]}` to a batch, else the prediction itself."""
    return {"predictions": answers} if batch else answers[0]
