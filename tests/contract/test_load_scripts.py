"""The k6 scripts are not run here: what they ask for and look at is held against the interface's own description."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from benchmarks.load.goals import ERRORS, P95_MS, P99_MS

from tests.contract.contract import ROOT
from tests.unit.inference.rest_app import shipped_endpoints
from tidemill_inference.rest.handler import Limits
from tidemill_inference.rest.protocols.openapi import describe_api

FOLDER = ROOT / "deploy" / "load"
COMMON = (FOLDER / "common.js").read_text()
SCRIPTS = {name: (FOLDER / name).read_text() for name in ("single.js", "batch.js")}
MODEL = "flight-delay"
PATH = "/v1/models/${MODEL}/predict"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return describe_api(shipped_endpoints([MODEL]), Limits(1 << 20, 1_000, 2))


def test_they_ask_for_a_path_that_takes_json(document: dict[str, Any]) -> None:
    assert re.findall(r"/v1/[^`]*", COMMON) == [PATH]
    post = document["paths"][PATH.replace("${MODEL}", MODEL)]["post"]
    assert re.findall(r'"Content-Type": "([^"]*)"', COMMON) == ["application/json"]
    assert "application/json" in post["requestBody"]["content"]


def test_they_look_at_what_answers_have(document: dict[str, Any]) -> None:
    answer = document["components"]["schemas"][f"{MODEL}.prediction"]
    looked_at = set(re.findall(r"one\.(\w+)", COMMON))
    assert looked_at == {"prediction_id", "version"}
    assert looked_at <= set(answer["required"])
    post = document["paths"][PATH.replace("${MODEL}", MODEL)]["post"]
    assert set(re.findall(r'headers\["(X-[^"]*)"\]', COMMON)) <= post["responses"]["200"]["headers"].keys()
    batch = post["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"][1]
    assert set(re.findall(r"body\.(\w+)", SCRIPTS["batch.js"])) == batch["properties"].keys()


def test_every_instance_that_is_sent_is_answered() -> None:
    instances = json.loads((FOLDER / "flight-delay.json").read_text())
    endpoint = shipped_endpoints([MODEL])[MODEL]
    known = set(endpoint.record.field_names)
    assert len(endpoint.predict(instances)) == len(instances) > 0
    assert all(instance.keys() <= known for instance in instances)


@pytest.mark.parametrize("name", SCRIPTS)
def test_they_import_what_is_exported(name: str) -> None:
    imported = re.search(r'import \{([^}]*)\} from "./common.js"', SCRIPTS[name])
    assert imported is not None
    wanted = {part.split(" as ")[0].strip() for part in imported[1].split(",")}
    assert wanted <= set(re.findall(r"^export (?:const|function) (\w+)", COMMON, re.MULTILINE))


def test_the_readme_names_every_variable_and_the_thresholds_are_the_bar() -> None:
    readme = (FOLDER / "README.md").read_text()
    variables = set(re.findall(r"__ENV\.(\w+)", COMMON + "".join(SCRIPTS.values())))
    rows = "\n".join(line for line in readme.splitlines() if line.startswith("|"))
    assert variables == set(re.findall(r"`([A-Z_]+)`", rows))
    assert f'"p(95)<{P95_MS:.0f}", "p(99)<{P99_MS:.0f}"' in COMMON
    assert f'http_req_failed: ["rate<{ERRORS:g}"]' in COMMON
