"""The words of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from tidemill_ingest.answers import Accepted, Problem

DESCRIPTION = """The front door of Tidemill: events and labels by HTTP into Kafka.

**Acknowledged means stored.** 202 is sent after the brokers have acknowledged every accepted item
(`acks=all`). While they are away the answer is 503 with `Retry-After`, and says of each item whether it may
have been stored all the same; sent again with the same event ids, nothing is counted twice.

**Bodies**: one JSON object, an array of objects, or NDJSON (`application/x-ndjson`, or told by its lines).

**Times** are ISO-8601 with an offset (`2013-01-31T17:05:00Z`) or integer milliseconds since the epoch.

**Access**: `Authorization: Bearer KEY` or `X-API-Key: KEY`, a key or token with the scope `ingest`, or of one model
`ingest:MODEL`.

**Tracing**: a `traceparent` header goes on with the records. `X-Request-ID` comes back.
"""

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key or a JSON Web Token."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key or a JSON Web Token."},
}
"""Either of them, as `tidemill.access.middleware` takes them; Swagger's Authorize asks for them."""
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}]

EVENT = {
    "event_id": "2013-01-31-UA-1545-EWR",
    "scheduled_at": "2013-01-31T17:05:00Z",
    "tail_number": "N14228",
}
LABEL = {
    "event_id": "2013-01-31-UA-1545-EWR",
    "label": True,
    "event_time": "2013-01-31T17:05:00Z",
    "observed_at": "2013-01-31T21:30:00Z",
    "entity": "N14228",
}


MAKE_IDS = {
    "name": "make_ids",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Whether an item without an event id gets a UUIDv7.",
}
RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer."}}


def events_route() -> dict[str, Any]:
    """How the events route is described."""
    description = (
        "Each item has the fields of the model's record schema. One without an event id is refused, or gets a "
        "UUIDv7 with `?make_ids=true`; `event_id` is taken whatever the schema calls it. The "
        "record key is the entity, or the event id where the entity is null. Fields that the schema does not "
        "have are errors."
    )
    return _route("Push events of a model.", description, EVENT, MAKE_IDS)


def labels_route() -> dict[str, Any]:
    """How the labels route is described."""
    description = (
        "What really happened: `event_id`, `label` (boolean, string or number, by the model's task), "
        "`event_time` (of the event), `observed_at` (when the label became known; the time of receipt where "
        "it is left out); the model file's own names of the event id, the label and the event time are taken too. "
        "`entity`, or the model's own name for it, must be as the event had it (null where it had none): it is the "
        "record key, which brings labels to their predictions. A second label of an event with a later "
        "`observed_at` corrects the first."
    )
    return _route("Push labels of a model.", description, LABEL)


def model_route() -> dict[str, Any]:
    """How the route is described that tells what rows of a model have to be."""
    description = (
        "`events` and `labels`, each with its Avro `schema`, the field that is the `event_id`, the `entity`, the time "
        "that is the time of receipt where it is left out (`received`), and the `other_names` of fields that are taken "
        "too; null where they come from a topic of someone else's. `tidemill.client` checks rows by it."
    )
    refused = {status: answer for status, answer in _responses().items() if status in (401, 403, 404, 429)}
    return {
        "summary": "What events and labels of a model have to be.",
        "description": description,
        "tags": ["ingest"],
        "responses": refused,
        "openapi_extra": {"security": SECURITY},
    }


def with_security(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with how a caller proves who it is."""
    document.setdefault("components", {})["securitySchemes"] = SECURITY_SCHEMES
    return document


def _route(summary: str, description: str, example: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "additionalProperties": True}
    content = {
        "application/json": {
            "schema": {"oneOf": [item, {"type": "array", "items": item}]},
            "examples": {"one": {"value": example}, "many": {"value": [example]}},
        },
        "application/x-ndjson": {"schema": {"type": "string"}, "example": "{...}\n{...}\n"},
    }
    return {
        "status_code": 202,
        "summary": summary,
        "description": description,
        "tags": ["ingest"],
        "response_model": None,
        "responses": _responses(),
        "openapi_extra": {
            "requestBody": {"required": True, "content": content},
            "security": SECURITY,
            **({"parameters": list(parameters)} if parameters else {}),
        },
    }


def _responses() -> dict[int | str, dict[str, Any]]:
    return {
        202: {"model": Accepted, "description": "Stored: all items, or all but those under `errors`."},
        400: {
            "model": Problem,
            "description": "The body is not JSON (`line` and `column` say where), or a parameter is wrong.",
        },
        401: {"model": Problem, "description": "No key or token, or one that proves nobody.", "headers": CHALLENGE},
        403: {
            "model": Problem,
            "description": "The key or token lacks the scope, which is named; or a foreign Host or Origin.",
        },
        404: {"model": Problem, "description": "There is no such model; `models` says which there are."},
        409: {"model": Problem, "description": "The model reads from a topic of its own source: produce there."},
        413: {"model": Problem, "description": "The body or the number of items is too large."},
        415: {"model": Problem, "description": "The body is compressed, or of another type than JSON and NDJSON."},
        422: {
            "model": Accepted,
            "description": "No item is a record of this model; `errors` says why.",
        },
        429: {"model": Problem, "description": "The caller is above its rate.", "headers": RETRY},
        503: {
            "model": Accepted,
            "description": "Some items were not acknowledged (`errors`, with their event ids); come again "
            "after `Retry-After` seconds. What is under `event_ids` is stored.",
            "headers": RETRY,
        },
    }
