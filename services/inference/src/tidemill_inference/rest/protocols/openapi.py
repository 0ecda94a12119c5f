"""The OpenAPI document, made of the model files: every model has its own paths with its own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.artifact.outputs import OUTPUTS
from tidemill_inference.rest.dataplane import ModelEndpoint
from tidemill_inference.rest.handler import Limits
from tidemill_inference.rest.protocols.arrow import ARROW
from tidemill_inference.rest.protocols.field_schemas import instance_schema
from tidemill_inference.rest.protocols.oip import field_types, inputs_of, outputs_of

Node = dict[str, Any]

DESCRIPTION = """Predictions of the models in `models/`.

**Access**: `Authorization: Bearer KEY` or `X-API-Key: KEY`, a key or token with the scope `predict`, or of one model
`predict:MODEL`; health, metrics and this document are open. **Every answer** has `X-Request-ID` (yours where you send
one) and, if it is a prediction, `X-Model-Version` and `X-Model-Epoch`. **Input** is held against the model file's
expectations; what is wrong is 422, with field, rule and the value's type. An event time may lie at most a day ahead.
**Open Inference Protocol v2**: also with binary tensor data (`Inference-Header-Content-Length`, `binary_data_size`,
`binary_data_output`). Bodies may be gzip or deflate.
"""

_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_RETRY = {"Retry-After": {"schema": _WHOLE, "description": "Seconds to wait."}}


def describe_api(endpoints: Mapping[str, ModelEndpoint], limits: Limits) -> Node:
    """The document, OpenAPI 3.1."""
    paths: Node = {"/v1/models": {"get": _get("models", "The models with the version that serves.", _ref("Models"))}}
    schemas: Node = {**_SHARED, "Models": _object({"models": _list(_ref("Model"))})}
    for name, endpoint in endpoints.items():
        own = _Names(name)
        schemas |= {
            own.instance: instance_schema(endpoint),
            own.prediction: _prediction(endpoint),
            own.request: _tensors(endpoint),
            own.response: _tensor_answer(endpoint),
        }
        paths |= _v1_paths(own, limits) | _v2_paths(own)
    paths |= _operations()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidemill inference", "version": "1", "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _RESPONSES,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key or a JSON Web Token."},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


class _Names:
    """The names of one model's schemas and operations."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.instance = f"{model}.instance"
        self.prediction = f"{model}.prediction"
        self.request = f"{model}.infer-request"
        self.response = f"{model}.infer-response"


def _v1_paths(own: _Names, limits: Limits) -> Node:
    instances = _list(_ref(own.instance), minItems=1, maxItems=limits.instances)
    batch = _object({"instances": instances}, additionalProperties=False)
    answers = {"oneOf": [_ref(own.prediction), _object({"predictions": _list(_ref(own.prediction))})]}
    stream = {"schema": {"type": "string", "format": "binary", "description": "An Arrow IPC stream, not compressed."}}
    body = {"application/json": {"schema": {"anyOf": [_ref(own.instance), batch]}}, ARROW: stream}
    post = {
        "operationId": f"predict-{own.model}",
        "summary": f"Predict with {own.model}: one instance, a batch, or the rows of an Arrow stream.",
        "tags": [own.model],
        "requestBody": {"required": True, "content": body},
        "responses": {"200": _predicted({"application/json": {"schema": answers}, ARROW: stream}), **_BAD},
        "security": _SECURITY,
    }
    described = _get(f"model-{own.model}", f"{own.model}: version, inputs, swaps.", _ref("Model"), tag=own.model)
    return {f"/v1/models/{own.model}": {"get": described}, f"/v1/models/{own.model}/predict": {"post": post}}


def _v2_paths(own: _Names) -> Node:
    base = f"/v2/models/{own.model}"
    number = {"name": "version", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
    found: Node = {}
    for path, suffix, parameters in ((base, "", []), (f"{base}/versions/{{version}}", "-version", [number])):
        infer = {
            "operationId": f"infer-{own.model}{suffix}",
            "summary": f"Predict with {own.model}: tensors.",
            "tags": [own.model],
            "parameters": parameters,
            "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(own.request)}}},
            "responses": {
                "200": _predicted(
                    {
                        "application/json": {"schema": _ref(own.response)},
                        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                    }
                ),
                **_BAD,
            },
            "security": _SECURITY,
        }
        meta = _get(f"metadata-{own.model}{suffix}", "Inputs and outputs.", _ref("Metadata"), tag=own.model)
        ready = _get(f"ready-{own.model}{suffix}", "Whether a version serves.", _ref("Ready"), tag=own.model)
        ready["responses"]["503"] = _json("No version serves yet.", _ref("Ready"))
        found[f"{path}/infer"] = {"post": infer}
        for tail, operation in (("", meta), ("/ready", ready)):
            found[path + tail] = {"get": {**operation, "parameters": parameters}}
    return found


def _operations() -> Node:
    live = _open("v2-live", "The process answers.", _object({"live": {"type": "boolean"}}), fails=True)
    ready = _open("v2-ready", "It can predict.", _object({"ready": {"type": "boolean"}}), fails=True)
    server = _object({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)})
    report = _object({"status": {"enum": ["ok", "failed"]}, "reasons": {"type": "object"}})
    metrics = _open("metrics", "Prometheus or OpenMetrics, by Accept.", _TEXT)
    metrics["responses"]["200"]["content"] = {
        "text/plain": {"schema": _TEXT}, "application/openmetrics-text": {"schema": _TEXT},
    }  # fmt: skip
    return {
        "/v2": {"get": _open("v2-server", "The server and its extensions.", server)},
        "/v2/health/live": {"get": live},
        "/v2/health/ready": {"get": ready},
        "/health/live": {"get": _open("live", "The process answers.", report, fails=True)},
        "/health/ready": {"get": _open("ready", "It can predict.", report, fails=True)},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": _open("openapi", "This document.", {"type": "object"})},
    }


def _prediction(endpoint: ModelEndpoint) -> Node:
    of_outputs: Node = {
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "label": {"type": "boolean"} if endpoint.spec.target.task == "binary" else _TEXT,
        "probabilities": {"type": "object", "additionalProperties": _NUMBER},
        "value": _NUMBER,
    }
    typed = {name: of_outputs[name] for name in OUTPUTS[endpoint.spec.target.task]}
    identity = {"prediction_id": _TEXT, "event_id": _TEXT, "model": {"const": endpoint.spec.name}}
    return _object({**identity, "version": _WHOLE, "epoch": _WHOLE, **typed})


def _tensors(endpoint: ModelEndpoint) -> Node:
    instance = instance_schema(endpoint)
    types = field_types(endpoint)
    inputs = [_input(name, types[name], instance["properties"][name]) for name in types]
    outputs = [output["name"] for output in outputs_of(endpoint)]
    output = _object({"name": {"enum": outputs}, "parameters": {"type": "object"}}, required=["name"])
    needed = ", ".join(instance.get("required", [])) or "none"
    listed = {item["name"] for item in inputs_of(endpoint)}
    description = (
        f"One tensor for each field, all with the same number of rows; needed: {needed}; the model's inputs: "
        f"{', '.join(sorted(listed))}. `data` has as many values as `shape` says."
    )
    return _object(
        {
            "id": _TEXT,
            "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"}}},
            "inputs": _list({"anyOf": inputs}, minItems=1),
            "outputs": _list(output, maxItems=len(outputs)),
        },
        required=["inputs"],
        description=description,
    )


def _input(name: str, datatype: str, value: Node) -> Node:
    """A field's tensor; its values are those of the field, in the datatype's JSON."""
    values = value
    if "anyOf" in value:  # a time: as INT64
        values = next(branch for branch in value["anyOf"] if branch.get("type") == "integer")
    size = {"type": "integer", "minimum": 1, "maximum": 1_000}
    shape = {"type": "array", "prefixItems": [size, {"const": 1}], "minItems": 1, "maxItems": 2}
    return _object(
        {"name": {"const": name}, "datatype": {"const": datatype}, "shape": shape, "data": _list(values, minItems=1)}
    )


def _tensor_answer(endpoint: ModelEndpoint) -> Node:
    names = [output["name"] for output in outputs_of(endpoint)]
    output = _object(
        {"name": {"enum": names}, "datatype": _TEXT, "shape": _list(_WHOLE), "data": {"type": "array"}},
        required=["name", "datatype", "shape"],
    )
    return _object(
        {
            "model_name": {"const": endpoint.spec.name},
            "model_version": _TEXT,
            "id": _TEXT,
            "parameters": _object({"epoch": _WHOLE}),
            "outputs": _list(output),
        },
        required=["model_name", "model_version", "parameters", "outputs"],
    )


def _get(operation: str, summary: str, schema: Node, *, tag: str = "models") -> Node:
    found = _open(operation, summary, schema, tag=tag)
    guarded = {status: _BAD[status] for status in ("401", "403", "404", "429", "503")}
    return {**found, "responses": {**found["responses"], **guarded}, "security": _SECURITY}


def _open(operation: str, summary: str, schema: Node, *, tag: str = "operations", fails: bool = False) -> Node:
    answers = {"200": _json(summary, schema)}
    if fails:
        answers["503"] = _json("Not now: the body says why.", schema)
    return {"operationId": operation, "summary": summary, "tags": [tag], "responses": answers, "security": []}


def _predicted(content: Node) -> Node:
    headers = {
        "X-Model-Version": {"required": True, "schema": _TEXT, "description": "What answered; 1,2 in a trial."},
        "X-Model-Epoch": {"required": True, "schema": _WHOLE, "description": "Its place in the order of releases."},
        "X-Request-ID": {"required": True, "schema": _TEXT, "description": "Yours, or one that was given."},
        "traceparent": {"schema": _TEXT, "description": "W3C trace context, continued."},
    }
    return {"description": "The predictions, all of one epoch.", "headers": headers, "content": content}


def _json(description: str, schema: Node) -> Node:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _object(properties: Node, required: list[str] | None = None, **more: Any) -> Node:
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, **more}


def _list(items: Node, **more: Any) -> Node:
    return {"type": "array", "items": items, **more}


def _ref(name: str, kind: str = "schemas") -> Node:
    return {"$ref": f"#/components/{kind}/{name}"}


_SECURITY: list[Node] = [{"bearer": []}, {"key": []}]
_ERROR = _object({"index": _WHOLE, "field": _TEXT, "rule": _TEXT, "type": _TEXT, "reason": _TEXT})
_SHARED: Node = {
    "Problem": _object(
        {"error": _TEXT, "message": _TEXT, "code": _TEXT, "errors": _list(_ERROR), "more_errors": _WHOLE},
        required=["error"],
        description="`error` is a stable name, `message` for people; below /v2 `error` is for people, `code` the name. "
        "`errors`: each wrong field of each instance, up to 100; `more_errors`: how many more there are.",
    ),
    "Model": _object(
        {"name": _TEXT, "task": {"enum": ["binary", "multiclass", "regression"]}, "ready": {"type": "boolean"}},
        description="Once ready also: version, `loaded`, epoch, digest, times, inputs; alone: `history`, `record`.",
    ),
    "Ready": _object({"name": _TEXT, "ready": {"type": "boolean"}}),
    "Metadata": _object(
        {
            "name": _TEXT,
            "versions": _list(_TEXT),
            "platform": _TEXT,
            "parameters": _object({"loaded": {"type": "boolean"}}),
            "inputs": _list({"type": "object"}),
            "outputs": _list({"type": "object"}),
        }
    ),
}
_CHALLENGE = {"WWW-Authenticate": {"required": True, "schema": _TEXT, "description": "Bearer."}}
_RESPONSES: Node = {
    "bad": _json("The body is not of its format.", _ref("Problem")),
    "unproven": {**_json("No key or token, or one that proves nobody.", _ref("Problem")), "headers": _CHALLENGE},
    "forbidden": _json(
        "The key or token lacks the scope, which is named; or an unknown Host, a foreign Origin.", _ref("Problem")
    ),
    "unknown": _json("No such model, or a version that does not serve.", _ref("Problem")),
    "large": _json("The body is too large.", _ref("Problem")),
    "encoding": _json("Another media type, or another encoding than gzip and deflate.", _ref("Problem")),
    "invalid": _json("Something is no record of the model; `errors` says what.", _ref("Problem")),
    "often": {**_json("The caller is above its rate.", _ref("Problem")), "headers": _RETRY},
    "later": {
        **_json("No version serves yet, it cannot be loaded now, or too many wait.", _ref("Problem")),
        "headers": _RETRY,
    },
}
_BAD: Node = {
    "400": _ref("bad", "responses"),
    "401": _ref("unproven", "responses"),
    "403": _ref("forbidden", "responses"),
    "404": _ref("unknown", "responses"),
    "413": _ref("large", "responses"),
    "415": _ref("encoding", "responses"),
    "422": _ref("invalid", "responses"),
    "429": _ref("often", "responses"),
    "503": _ref("later", "responses"),
}
