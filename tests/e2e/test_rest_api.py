"""The REST interface against its own description: schemathesis with all of its checks, generated from the OpenAPI
document, positive and negative, 200 examples an operation that has something to vary.

What JSON Schema cannot say, `consistent` puts right, in bodies that are valid and in no others: that an event time
lies in the past, and that the tensors of one request have equally many rows and make up the model's input.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from schemathesis import engine
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from tests.unit.inference.rest_app import Deployed, deployed, served, shipped_endpoints

pytestmark = pytest.mark.long

SEED = 20_261_121
EXAMPLES = 200
ARROW = "application/vnd.apache.arrow.stream"
NEEDED = {
    "flight-delay": {"carrier": ("BYTES", "AA"), "dest": ("BYTES", "IAH"), "distance": ("FP64", 719.0)},
    "telecom-churn": {"contract": ("BYTES", "One year")},
}
TIMES = {"flight-delay": "scheduled_at", "telecom-churn": "billed_at"}
IN_TIME = "2013-01-31T17:05:00Z"
IN_TIME_MS = 1_359_651_900_000


class Consistent:
    """Makes valid bodies consistent."""

    def __init__(self, document: dict[str, Any], model: str) -> None:
        self._model = model
        self._valid = {
            name: jsonschema_rs.validator_for({**document, "$ref": f"#/components/schemas/{model}.{name}"})
            for name in ("instance", "infer-request")
        }
        fields = document["components"]["schemas"][f"{model}.instance"]["properties"]
        self._texts = {
            name for name, field in fields.items() if "string" in field.get("type", ()) and "format" not in field
        }

    def __call__(self, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        if self._valid["infer-request"].is_valid(body):
            return {**body, "inputs": self._tensors(body["inputs"])}
        if self._valid["instance"].is_valid(body):
            return self._in_time(body)
        instances = body.get("instances")
        if isinstance(instances, list) and all(self._valid["instance"].is_valid(row) for row in instances):
            return {**body, "instances": [self._in_time(row) for row in instances]}
        return body

    def is_taken(self, body: Any) -> bool:
        """Whether a body would be valid were the whole numbers in its text fields text: that they are taken as text is
        more than the description says.
        """
        rows = body.get("instances", [body]) if isinstance(body, dict) else None
        return isinstance(rows, list) and all(isinstance(row, dict) and self._is_taken(row) for row in rows)

    def _is_taken(self, row: dict[str, Any]) -> bool:
        as_text = {name: digits_as_text(value) if name in self._texts else value for name, value in row.items()}
        return self._valid["instance"].is_valid(as_text)

    def _in_time(self, row: dict[str, Any]) -> dict[str, Any]:
        name = TIMES[self._model]
        return {**row, name: past(row[name])} if name in row else row

    def _tensors(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        by_name = {tensor["name"]: tensor for tensor in inputs}
        for name, (datatype, value) in NEEDED[self._model].items():
            by_name.setdefault(name, {"name": name, "datatype": datatype, "shape": [1], "data": [value] * 50})
        rows = min(len(tensor["data"]) for tensor in by_name.values())
        for tensor in by_name.values():
            tensor["data"] = tensor["data"][:rows]
            tensor["shape"] = [rows] if len(tensor["shape"]) == 1 else [rows, 1]
        name = TIMES[self._model]
        if name in by_name:
            by_name[name]["data"] = [past(value) for value in by_name[name]["data"]]
        return list(by_name.values())


def past(value: Any) -> Any:
    """A time that is not in the future, nor before 1900; the same if it is so already."""
    if isinstance(value, str):
        try:
            return value if 1900 < datetime.fromisoformat(value).year < 2026 else IN_TIME
        except ValueError:
            return IN_TIME
    if isinstance(value, int | float) and value > time.time() * 1_000:
        return IN_TIME_MS
    return value


def digits_as_text(value: Any) -> Any:
    """A body with its whole numbers as text where that is what the interface takes them for: in fields of instances."""
    if isinstance(value, list):
        return [digits_as_text(item) for item in value]
    if isinstance(value, dict):
        return {name: digits_as_text(item) for name, item in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**64 else value


def failures(event: events.ScenarioFinished, taken: Callable[[Any], bool]) -> Iterator[str]:
    """What the checks found in a scenario, with what was sent and what came."""
    for case_id, nodes in event.recorder.checks.items():
        for node in nodes:
            if node.failure_info is None:
                continue
            case = event.recorder.cases[case_id].value
            if node.name == "negative_data_rejection" and taken(case.body):
                continue
            interaction = event.recorder.interactions.get(case_id)
            came = interaction.response.content[:300] if interaction and interaction.response else b""
            failure = node.failure_info.failure
            said = " ".join(f"{failure.title}: {failure.message}".split())[:400]
            yield f"{event.recorder.label}: {node.name}: {said}; sent {str(case.body)[:400]}; came {came!r}"


@pytest.mark.parametrize("model", NEEDED)
def test_the_interface_is_what_its_description_says(model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    service = deployed(shipped_endpoints([model]), tmp_path)
    with served(service) as address:
        hold(service, address, model, request)


def hold(service: Deployed, address: str, model: str, request: pytest.FixtureRequest) -> None:
    load_all_checks()
    config = SchemathesisConfig(seed=SEED)
    config.projects.default.generation.max_examples = EXAMPLES
    config.projects.default.phases.stateful.enabled = False  # nothing here is made that could be used later
    schema = schemathesis.openapi.from_url(f"http://{address}/openapi.json", config=config)
    for item in schema.raw_schema["paths"].values():
        # It has no way to make wrong bytes of a right format: tests/unit/inference/rest/test_arrow.py makes them.
        item.get("post", {}).get("requestBody", {"content": {}})["content"].pop(ARROW, None)
    consistent = Consistent(schema.raw_schema, model)

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        case.body = consistent(case.body)

    schemathesis.hook(before_call)
    request.addfinalizer(lambda: GLOBAL_HOOK_DISPATCHER.unregister(before_call))

    @schema.auth()
    class Key:
        def get(self, case: Any, context: Any) -> str:
            return service.key

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["X-API-Key"] = data

    found, cases, checks, operations = [], 0, set(), set()
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            found += failures(event, consistent.is_taken)
            cases += len(event.recorder.cases)
            checks |= {node.name for nodes in event.recorder.checks.values() for node in nodes}
            operations.add(event.recorder.label)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.append(str(event))
    assert not found, "\n".join(found[:5])
    assert cases > 2 * EXAMPLES
    assert {"not_a_server_error", "ignored_auth", "negative_data_rejection", "positive_data_acceptance"} <= checks
    assert f"POST /v2/models/{model}/infer" in operations
    assert set(CHECKS.get_all_names()) >= checks
    assert json.loads(json.dumps(schema.raw_schema))["openapi"] == "3.1.0"
