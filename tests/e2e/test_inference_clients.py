"""Other people's clients of the Open Inference Protocol, unchanged and from an environment of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes.venvs import interpreter
from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest_app import deployed, served, shipped_endpoints

HERE = Path(__file__).parent / "inference_clients"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    service = deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys"))
    python = interpreter(HERE / "lock.txt")
    with served(service) as address:
        command = [str(python), str(HERE / "client.py"), address, service.key, MODEL]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 0, answer.stderr[-3_000:]
    yield json.loads(answer.stdout.splitlines()[-1])


def test_tritonclient_asks_in_json_and_in_bytes_of_every_type(answers: dict[str, Any]) -> None:
    found = answers["triton"]
    assert (found["live"], found["ready"], found["model_ready"], found["server"]) == (True, True, True, "tidemill")
    assert "distance" in found["inputs"]
    assert len(found["answers"]) == 2 * 2 * 5 * 3
    for how, (probabilities, ids, request_id, version) in found["answers"].items():
        assert probabilities == [0.25] * 3, how
        assert len(set(ids)) == 3, how
        assert (request_id, version) == ("r-1", "1"), how
    assert found["every"] == ["probability", "prediction_id", "event_id", "label"]


def test_tritonclient_understands_our_errors(answers: dict[str, Any]) -> None:
    status, message = answers["triton"]["error"]
    assert status == "422"
    assert "dest" in message


@pytest.mark.parametrize("how", ["pandas", "pandas text", "numpy", "numpy column"])
def test_mlservers_payloads_and_codecs_work_both_ways(answers: dict[str, Any], how: str) -> None:
    found = answers["mlserver"][how]
    assert found["frame"] == found["numpy"] == [0.25] * 3
    assert len(set(found["ids"])) == 3
    assert found["version"] == "1"


def test_mlservers_types_hold_our_metadata(answers: dict[str, Any]) -> None:
    assert answers["mlserver"]["metadata"] == [MODEL, "onnxruntime_onnx", ["1"]]
