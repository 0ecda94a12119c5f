"""Errors as answers: one JSON form for our own protocol, another for the Open Inference Protocol."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from tidemill.access.authorizer import Refusal
from tidemill_inference.model_cache.lazy_model import NotLoaded
from tidemill_inference.rest.request_checks import InstanceError, InvalidInstances
from tidemill_inference.rest.scheduling.scheduler import QueueFull
from tidemill_inference.serving.serving import NoVersion

SHOWN_ERRORS = 100
V2 = "/v2"

REFUSALS = (InvalidInstances, NoVersion, NotLoaded, QueueFull)
"""What a prediction may raise that is no defect."""

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
        total: int | None = None,
    ) -> None:
        """`total`: how many errors there are, where `errors` are not all of them."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = tuple(errors)
        self.total = len(self.errors) if total is None else total
        self.headers = dict(headers or {})


def refusal(error: Exception, retry_after_s: int) -> Problem:
    """One of REFUSALS as an answer: 422 with the instance, the field, the rule, the value's type and the reason of each
    error; 503 until the first version serves, where its model cannot be loaded now (the log has the reason), and where
    too many large requests wait.
    """
    if isinstance(error, InvalidInstances):
        return Problem(422, "invalid_instance", str(error), error.errors, total=error.total)
    if isinstance(error, NotLoaded):
        return Problem(503, "not_loaded", str(error), headers={"Retry-After": str(math.ceil(error.delay_s))})
    code = "busy" if isinstance(error, QueueFull) else "no_version"
    return Problem(503, code, str(error), headers={"Retry-After": str(retry_after_s)})


@contextmanager
def refusing(retry_after_s: int) -> Iterator[None]:
    """Within the block one of REFUSALS becomes its answer. Raises Problem."""
    try:
        yield
    except REFUSALS as error:
        raise refusal(error, retry_after_s) from error


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON by orjson."""
    return Response(orjson.dumps(content), status, dict(headers or {}), "application/json")


def problem_body(
    path: str, code: str, message: str, errors: Sequence[InstanceError] = (), total: int = 0
) -> dict[str, Any]:
    """`{"error": code, "message": ..., "errors": [...]}`; in the Open Inference Protocol `error` is the text, and
    `code` stands beside it. Of `total` errors the first SHOWN_ERRORS are told, and `more_errors` how many more.
    """
    form = {"error": message, "code": code} if path.startswith(V2) else {"error": code, "message": message}
    if not errors:
        return form
    shown = [
        {"index": e.index, "field": e.field, "rule": e.rule, "type": e.type, "reason": e.reason}
        for e in errors[:SHOWN_ERRORS]
    ]
    more = max(total, len(errors)) - len(shown)
    return {**form, "errors": shown, "more_errors": more} if more else {**form, "errors": shown}


def render_refusal(path: str, refusal: Refusal) -> dict[str, Any]:
    """The body of a refusal by the gate."""
    return problem_body(path, refusal.error, refusal.message)


def problem_response(path: str, problem: Problem) -> Response:
    """A Problem as an answer to a request for `path`."""
    content = problem_body(path, problem.code, problem.message, problem.errors, problem.total)
    return json_response(content, problem.status, problem.headers)


def answer_problem(request: Request, problem: Exception) -> Response:
    """The answer to a Problem."""
    assert isinstance(problem, Problem)
    return problem_response(request.url.path, problem)


def answer_http_exception(request: Request, error: Exception) -> Response:
    """The answer to what the framework itself refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)
    code = "not_found" if error.status_code == 404 else "refused"
    return json_response(problem_body(request.url.path, code, str(error.detail)), error.status_code, error.headers)


def answer_defect(request: Request, error: Exception) -> Response:
    """The answer to a defect: nothing of it is told, the log has it under the request's id."""
    return defect_response(request.url.path, request.state.request_id, error)


def defect_response(path: str, request_id: str, error: Exception) -> Response:
    """A defect as an answer to a request for `path`."""
    _log.error("request failed", exc_info=error, extra={"request_id": request_id})
    return json_response(problem_body(path, "internal", "an error inside the service; the log has it"), 500)
