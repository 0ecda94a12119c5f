"""Request bodies: bounded, decompressed where they say so, JSON."""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from tidemill.access.authorizer import Refusal
from tidemill.codec.inflate import TooMuch, inflated
from tidemill.json.unique_keys import loads
from tidemill.web.content import BodyTooLarge, known_type, read_bounded
from tidemill_inference.rest.problems import Problem

INSTANCES = "instances"

_FORMS: Final[dict[str, Literal["gzip", "zlib"]]] = {"gzip": "gzip", "deflate": "zlib"}
"""By content encoding (RFC 9110, 8.4.1)."""


def body_type(request: Request, *known: str) -> str:
    """The media type of the body, one of `known` (empty where it has none). Raises Problem 415."""
    try:
        return known_type(request.scope["headers"], known)
    except Refusal as refusal:
        raise Problem(refusal.status, refusal.error, refusal.message) from refusal


async def read_body(request: Request, limit: int) -> bytes:
    """The body, decompressed where it is gzip or deflate. Raises Problem 413 as soon as it is larger than `limit`
    bytes, before or after, 415 for another encoding, 400 where it ends early or is not of its encoding.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" and encoding not in _FORMS:
        raise Problem(415, "unsupported_encoding", "bodies may be plain, gzip or deflate")
    try:
        body = await read_bounded(request.stream(), request.headers.get("content-length", ""), limit)
    except BodyTooLarge as error:
        raise _too_large(limit) from error
    except ClientDisconnect as error:
        raise Problem(400, "incomplete_body", "the client went away before the body's end") from error
    return body if encoding == "identity" else _inflated(body, encoding, limit)


def _inflated(data: bytes, encoding: str, limit: int) -> bytes:
    try:
        return inflated(data, limit, _FORMS[encoding])
    except TooMuch as error:
        raise _too_large(limit) from error
    except ValueError as error:
        raise Problem(400, "malformed_encoding", f"the body is no {encoding}: {error}") from error


def parse_json(body: bytes) -> dict[str, Any]:
    """The object of a body. Raises Problem 400 for what is not JSON, 422 for another value than an object."""
    try:
        document = loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed_json", f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Problem(422, "invalid_body", "the body must be an object")
    return document


def parse_instances(body: bytes, most: int, fields: frozenset[str]) -> tuple[list[Any], bool]:
    """The instances of a body, and whether it is a batch.

    `{"instances": [...]}` is a batch, unless the model's record has a field of that name; any other object
    is one instance. Raises Problem 400 for what is not JSON, 422 for more than `most` and for another form.
    """
    document = parse_json(body)
    if INSTANCES not in document or INSTANCES in fields:
        return [document], False
    instances = document[INSTANCES]
    if len(document) > 1 or not isinstance(instances, list) or not instances:
        raise Problem(422, "invalid_body", '"instances" must stand alone and be a list of one object or more')
    check_number(len(instances), most)
    return instances, True


def check_number(instances: int, most: int) -> None:
    """Raise Problem 422 for more than `most` instances."""
    if instances > most:
        raise Problem(422, "too_many_instances", f"at most {most} instances in one request, not {instances}")


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"the body may have at most {limit} bytes", headers={"Connection": "close"})
