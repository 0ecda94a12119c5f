"""Errors as answers: one JSON form for all of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from tidemill_inference.dataplane import InstanceError, InvalidInstances
from tidemill_inference.serving import NoVersion

SHOWN_ERRORS = 100

_log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer with an error status. `code` is stable, `message` is for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: Sequence[InstanceError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def invalid(error: InvalidInstances) -> Problem:
    """422, with the instance, the field and the reason of each error."""
    return Problem(422, "invalid_instance", str(error), error.errors)


def not_ready(error: NoVersion, retry_after_s: int) -> Problem:
    """503 until the first version serves."""
    return Problem(503, "no_version", str(error), headers={"Retry-After": str(retry_after_s)})


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON by orjson."""
    return Response(orjson.dumps(content), status, dict(headers or {}), "application/json")


def answer_problem(request: Request, problem: Exception) -> Response:
    """The answer to a Problem."""
    assert isinstance(problem, Problem)
    content: dict[str, Any] = {"error": problem.code, "message": problem.message}
    if problem.errors:
        content["errors"] = [
            {"index": e.index, "field": e.field, "reason": e.reason} for e in problem.errors[:SHOWN_ERRORS]
        ]
    return json_response(content, problem.status, problem.headers)


def answer_http_exception(request: Request, error: Exception) -> Response:
    """The answer to what the framework itself refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)
    content = {"error": "not_found" if error.status_code == 404 else "refused", "message": str(error.detail)}
    return json_response(content, error.status_code, error.headers)


def answer_defect(request: Request, error: Exception) -> Response:
    """The answer to a defect: nothing of it is told, the log has it under the request's id."""
    _log.error("request failed", exc_info=error, extra={"request_id": request.state.request_id})
    return json_response({"error": "internal", "message": "an error inside the service; the log has it"}, 500)
