"""`tidemill drift` on a real broker: what drift's own processes wrote, beside what admission said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.broker.drift.conftest import MODEL, START_MS, World, world
from tests.support.polling import until
from tests.support.processes.service_process import take_on
from tidemill.contracts.events.platform import RetrainRequest, RetrainRun
from tidemill_cli.app import cli

__all__ = ["world"]
DEADLINE_S = 120


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["drift", MODEL, *arguments])


def ask_and_refuse(world: World) -> None:
    """A person asks for a new version, and admission refuses it."""
    asked = RetrainRequest(
        request_id="q", model=MODEL, cause="drift", evidence=(), fingerprint="f", requested_by="ada", requested_at=0,
        event_time=START_MS,
    )  # fmt: skip
    request = asked.to_dict()
    value = world.codec.encode_one(request, world.schemas.platform("retrain-request"))
    world.publisher.publish(world.topics.name("retrain_requests"), value, key=MODEL.encode())
    refused = RetrainRun(
        event_id="r/refused", run_id="r", request_id=request["request_id"], model=MODEL, cause=request["cause"],
        state="refused", reason="cooldown: 1.0 h after the last run", gate=(), metrics={}, start_offsets=(), at=0,
    )  # fmt: skip
    value = world.codec.encode_one(refused.to_dict(), world.schemas.platform("retrain-run"))
    world.publisher.publish(world.topics.name("retrain_runs"), value, key=MODEL.encode())


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    take_on(world.environment, tmp_path, monkeypatch)
    return world


def test_a_model_that_does_not_serve_has_nothing_to_be_compared_with(told: World) -> None:
    answer = run()
    assert answer.exit_code == 1 and "no version of flight-delay serves yet" in answer.output


def test_what_drift_found_is_told_with_admissions_word_and_the_page_is_written(told: World, tmp_path: Path) -> None:
    told.publish_version(1)
    for part in ("profile", "detect"):
        told.start(part)
    told.push(0, 1_200, late=0.25)
    told.push(1_200, 1_200, late=0.55)
    until(lambda: told.read("drift_events", "drift-event"), DEADLINE_S, "drift is found")
    until(lambda: len(told.windows("quality")) >= 20, DEADLINE_S, "windows of labels are there")
    until(lambda: len(told.windows("features")) >= 22, DEADLINE_S, "windows of features are there")
    ask_and_refuse(told)

    answer = run("--json", "--html", str(tmp_path / "drift.html"))
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    (stream,) = found["sources"].values()
    assert found["version"] == 1 and stream["now"]["windows"] == 2
    assert stream["now"]["from"] if "from" in stream["now"] else stream["now"]["from_ms"] >= START_MS
    (distance,) = stream["features"]
    assert (distance["name"], distance["level"], distance["values"]["name"]) == (
        "distance",
        "steady",
        "kolmogorov-smirnov",
    )
    assert abs(stream["promise"]["expected"]["accuracy"] - 0.75) < 0.01
    assert stream["promise"]["found"]["accuracy"] < stream["promise"]["expected"]["accuracy"] - 0.05
    assert found["alarms"] and {one["kind"] for one in found["alarms"]} <= {"quality", "feature", "prediction"}
    assert "cooldown: 1.0 h after the last run" in [ask["reason"] for ask in found["asks"]]
    assert len(found["measured"]) >= 8

    text = run().output
    assert "distance" in text and "refused: cooldown" in text
    assert "Drift of flight-delay" in (tmp_path / "drift.html").read_text()
    assert run("--since", "soon").exit_code == 2
