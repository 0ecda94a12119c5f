"""What a request costs grows with its bytes and no faster, whatever it holds: over both ways of REST and for ingest.

Calls are counted where Python makes them, and time is compared where a loop is inside one call: sixteen times the
bytes may take sixteen times as long, and a quadratic cost would take 256 times as long.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracer

from tests.unit.inference.api import Client
from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest_app import deployed, shipped_endpoints
from tidemill_inference.rest.fast_path.route import LeanRoute
from tidemill_inference.rest.handler import Limits, Predicting
from tidemill_inference.rest.tracing import RequestSpans

PREDICT = f"/v1/models/{MODEL}/predict"
INFER = f"/v2/models/{MODEL}/infer"
JSON = {"Content-Type": "application/json"}
TIMES = 16
MOST_TIMES = 3 * TIMES


def tensor(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": "FP64", "shape": [1], "data": [1], **more}


def nested(depth: int) -> Any:
    value: Any = [1]
    for _ in range(depth):
        value = [value]
    return value


BODIES: dict[str, tuple[str, Callable[[int], Any]]] = {
    "unknown fields": (PREDICT, lambda n: {f"distanc{k}": 1 for k in range(n)}),
    "long unknown fields": (PREDICT, lambda n: {"distance" * n: 1}),
    "instances with unknown fields": (PREDICT, lambda n: {"instances": [{f"d{k}": 1} for k in range(n // 20)]}),
    "one field of many elements": (PREDICT, lambda n: {"distance": list(range(n))}),
    "a long text": (PREDICT, lambda n: {"carrier": "x" * n * 10}),
    "tensors of unknown names": (INFER, lambda n: {"inputs": [tensor(f"distanc{k}") for k in range(n // 8)]}),
    "tensors of one name": (INFER, lambda n: {"inputs": [tensor("distance")] * (n // 8)}),
    "tensors without rows": (INFER, lambda n: {"inputs": [tensor(str(k), shape=[0], data=[]) for k in range(n // 8)]}),
    "outputs": (
        INFER,
        lambda n: {"inputs": [tensor("distance")], "outputs": [{"name": "probability"}] * (n // 8)},
    ),
    "nested data": (INFER, lambda n: {"inputs": [tensor("distance", data=[nested(200)] * (n // 200 + 1))]}),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    service = deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys"))
    return Client(service.app, Authorization=f"Bearer {service.key}")


def calls_of(work: Callable[[], object]) -> int:
    """Calls of Python functions and of C functions while `work` runs."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def seconds_of(work: Callable[[], object]) -> float:
    """The least of three times, in CPU seconds."""
    found = []
    for _ in range(3):
        started = time.thread_time()
        work()
        found.append(time.thread_time() - started)
    return min(found)


@pytest.mark.parametrize("case", BODIES)
def test_the_application_works_in_proportion_to_the_bytes(client: Client, case: str) -> None:
    path, make = BODIES[case]
    small, large = (json.dumps(make(n)).encode() for n in (1_000, 1_000 * TIMES))

    def ask(body: bytes) -> Callable[[], object]:
        return lambda: client.post(path, content=body, headers=JSON)

    ask(small)()
    answer = client.post(path, content=large, headers=JSON)
    assert answer.status_code == 422
    assert len(answer.content) < 40_000
    assert calls_of(ask(large)) < MOST_TIMES * calls_of(ask(small))
    assert seconds_of(ask(large)) < MOST_TIMES * max(0.005, seconds_of(ask(small)))


@pytest.mark.parametrize("case", [name for name, (path, _) in BODIES.items() if path == PREDICT])
def test_the_short_way_works_in_proportion_to_the_bytes(case: str) -> None:
    limits = Limits(body_bytes=1 << 20, instances=1_000, retry_after_s=2)
    predicting = Predicting(shipped_endpoints([MODEL]), lambda *_: None, limits, RequestSpans(NoOpTracer()))
    route = LeanRoute(predicting, None)
    _, make = BODIES[case]
    small, large = (json.dumps(make(n)).encode() for n in (200, 200 * TIMES))
    answers: list[tuple[int, int]] = []

    def ask(body: bytes) -> Callable[[], object]:
        return lambda: route.begin(
            PREDICT.encode(), {}, body, lambda status, _head, content: answers.append((status, len(content)))
        )

    ask(small)()
    assert calls_of(ask(large)) < MOST_TIMES * calls_of(ask(small))
    assert seconds_of(ask(large)) < MOST_TIMES * max(0.005, seconds_of(ask(small)))
    assert all(status == 422 and size < 40_000 for status, size in answers)


def test_of_many_errors_the_first_hundred_are_told_and_the_others_counted(client: Client) -> None:
    answer = client.post(PREDICT, json={"instances": [{"distance": "far"}] * 1_000})
    found = answer.json()
    assert (len(found["errors"]), found["more_errors"]) == (100, 900)


def test_no_more_outputs_are_answered_than_there_are(client: Client) -> None:
    asked = {"inputs": [tensor("distance")], "outputs": [{"name": "probability"}] * 9}
    answer = client.post(INFER, json=asked)
    assert (answer.status_code, answer.json()["error"]) == (422, "9 outputs are asked for, there are 4")
