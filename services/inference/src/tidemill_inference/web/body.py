"""Request bodies: bounded, JSON, one instance or several."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from tidemill_inference.web.problems import Problem

INSTANCES = "instances"


async def read_body(request: Request, limit: int) -> bytes:
    """The body. Raises Problem 413 as soon as it is larger than `limit` bytes, 400 where it ends early."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise _too_large(limit)
    chunks = bytearray()
    try:
        async for chunk in request.stream():
            chunks += chunk
            if len(chunks) > limit:
                raise _too_large(limit)
    except ClientDisconnect as error:
        raise Problem(400, "incomplete_body", "the client went away before the body's end") from error
    return bytes(chunks)


def parse_instances(body: bytes, most: int, fields: frozenset[str]) -> tuple[list[Any], bool]:
    """The instances of a body, and whether it is a batch.

    `{"instances": [...]}` is a batch, unless the model's record has a field of that name; any other object
    is one instance. Raises Problem 400 for what is not JSON, 413 for more than `most`, 422 for another form.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed_json", f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Problem(422, "invalid_body", 'the body must be one object or {"instances": [...]}')
    if INSTANCES not in document or INSTANCES in fields:
        return [document], False
    instances = document[INSTANCES]
    if len(document) > 1 or not isinstance(instances, list) or not instances:
        raise Problem(422, "invalid_body", '"instances" must stand alone and be a list of one object or more')
    if len(instances) > most:
        raise Problem(413, "too_many_instances", f"at most {most} instances in one request, not {len(instances)}")
    return instances, True


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"the body may have at most {limit} bytes")
