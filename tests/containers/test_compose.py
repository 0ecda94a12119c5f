"""What the Compose file promises, in the containers themselves, one test after the other on one stack."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.containers.flights import Files, one_flight, write_files
from tests.containers.stack import INGEST, KAFKA, MLFLOW, PROMETHEUS, SERVE, Stack
from tests.e2e.running import tidemill
from tests.support.polling import until

ONCE = {"keys", "topics", "bucket"}
FORBIDDEN = re.compile(
    r"EROFS|EACCES|EPERM|[Rr]ead-only file system|[Pp]ermission denied|[Oo]peration not permitted|OutOfMemory"
    r"|Cannot allocate memory|Traceback|process crashed|does not answer: DENIED"
)
AT_WORK = ("validator", "trainer", "inference-serve", "inference-stream", "drift-profile", "drift-detect", "ingest")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("flights"))


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    """One that may push and ask, made as the file's head says."""
    said = stack.tidemill("keys", "create", "check", "--scope", "ingest", "--scope", "predict")
    return re.findall(r"tm_[\w.-]+", said)[0]


def test_everything_stays_up_within_its_limits_and_the_rest_has_ended_well(stack: Stack) -> None:
    for service, state in stack.states().items():
        expected = "exited" if service in ONCE else "running"
        said = state["State"]
        assert (said["Status"], said["ExitCode"], said["OOMKilled"]) == (expected, 0, False), service
        assert state["RestartCount"] == 0, service
        assert state["HostConfig"]["CapDrop"] == ["ALL"], service


def test_prometheus_scrapes_every_process_and_reads_every_rule(stack: Stack) -> None:
    def away() -> list[str]:
        targets = ask(f"{PROMETHEUS}/api/v1/targets?state=active")["data"]["activeTargets"]
        assert len(targets) == len(AT_WORK)
        return [f"{one['scrapeUrl']}: {one['lastError']}" for one in targets if one["health"] != "up"]

    until(lambda: not away(), 60, lambda: f"scraped: {away()}")
    assert ask(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"]


def test_pushed_flights_become_a_version_that_serves_and_stands_in_mlflow(stack: Stack, files: Files, key: str) -> None:
    push(stack.root, files.events)
    push(stack.root, files.labels, "--labels")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(f"{INGEST}/v1/events/flight-delay", one_flight("nobody"))
    assert ask(f"{INGEST}/v1/events/flight-delay", one_flight("by-rest"), key)["accepted"] == 1
    answer = until(lambda: prediction(key), 240, "a version serves", every=3)
    assert answer["version"] == 1 and 0 < answer["probability"] < 1
    found = ask(f"{MLFLOW}/api/2.0/mlflow/registered-models/alias?name=flight-delay&alias=champion")
    assert found["model_version"]["version"] == "1"


def test_what_is_killed_comes_back_and_nothing_is_lost_or_twice(stack: Stack, files: Files, key: str) -> None:
    push(stack.root, files.later)
    stack.compose("kill", "--signal", "SIGKILL", *AT_WORK)
    stack.up()
    proved(stack, files)
    assert until(lambda: prediction(key), 60, "it serves again", every=2)["version"] == 1


def test_a_stop_is_in_good_order_another_up_finds_all_and_no_log_tells_of_a_refusal(
    stack: Stack, files: Files, key: str
) -> None:
    stack.compose("stop")
    codes = {service: state["State"]["ExitCode"] for service, state in stack.states().items()}
    assert {service: code for service, code in codes.items() if service in AT_WORK and code != 0} == {}
    assert 137 not in codes.values(), f"had to be killed: {codes}"
    assert refusals(stack) == []
    stack.compose("down")
    stack.up()
    assert until(lambda: prediction(key), 60, "it serves again", every=2)["version"] == 1
    proved(stack, files)
    assert refusals(stack) == []


def refusals(stack: Stack) -> list[str]:
    """Lines in which a container says that it was refused something, or had to end."""
    return [line for line in stack.logs() if FORBIDDEN.search(line)]


def push(root: Path, file: Path, *more: str) -> None:
    """As a person at this machine does, by the port that is published."""
    code, said = tidemill(
        root, "push", str(file), "--model", "flight-delay", "--bootstrap", KAFKA, "--again", *more, timeout_s=240
    )
    assert code == 0, said


def proved(stack: Stack, files: Files) -> None:
    """The command line's own proof, once all that was pushed is through."""
    rows = files.counts[0] + files.counts[2] + 1
    until(lambda: f"{rows:,}" in stack.tidemill("audit", "flight-delay"), 180, f"{rows:,} rows are proved", every=5)


def prediction(key: str) -> dict[str, Any] | None:
    """An answer of what serves; None while nothing does."""
    asked = {name: value for name, value in one_flight("").items() if name != "event_id"}
    try:
        return ask(f"{SERVE}/v1/models/flight-delay/predict", asked, key)
    except (urllib.error.URLError, ConnectionError):
        return None


def ask(url: str, body: object = None, key: str = "") -> Any:
    """The JSON that is answered. Raises HTTPError from 400 on."""
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as response:
        return json.load(response)
