"""`tidemill models card` on a real broker: one version's artifact, run, request, releases and labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.broker.drift.conftest import MODEL, World, world
from tests.support.polling import until
from tests.support.processes.service_process import take_on
from tidemill.contracts.events.datum import Datum
from tidemill.contracts.events.platform import Evidence, ModelRelease, ModelVersion, RetrainRequest, RetrainRun
from tidemill_cli.app import cli

__all__ = ["world"]
DEADLINE_S = 120


def card(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", "card", MODEL, *arguments])


def publish(world: World, role: str, schema: str, event: Datum) -> None:
    value = world.codec.encode_one(event.to_dict(), world.schemas.platform(schema))
    world.publisher.publish(world.topics.name(role), value, key=MODEL.encode())


def trained_and_released(world: World) -> None:
    """A version with the request, run and release that led to it."""
    world.publish_version(1)
    (version,) = (ModelVersion.from_dict(datum) for datum in world.read("model_versions", "model-version"))
    found = Evidence(
        detector="roc_auc", kind="gate", subject="version 1", statistic=0.6, threshold=0.5, detail="0.6, wanted 0.5"
    )
    request = RetrainRequest(
        request_id="q", model=MODEL, cause="manual", evidence=(found,), fingerprint="q", requested_by="jo",
        requested_at=0, event_time=0,
    )  # fmt: skip
    run = RetrainRun(
        event_id="r/finished", run_id="r", request_id="q", model=MODEL, cause="manual", state="finished", version=1,
        reason="good enough", artifact=version.champion, gate=(found,), metrics={"roc_auc": 0.6}, start_offsets=(0, 0),
        at=0, outcome="passed",
    )  # fmt: skip
    release = ModelRelease(
        release_id="1", action="promoted", by="gate", reason="good enough", evidence=(), published=version
    )
    publish(world, "retrain_requests", "retrain-request", request)
    publish(world, "retrain_runs", "retrain-run", run)
    publish(world, "model_releases", "model-release", release)


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    take_on(world.environment, tmp_path, monkeypatch)
    return world


def test_a_version_that_is_not_there_is_said_with_those_that_are(told: World) -> None:
    told.publish_version(1)
    answer = card("7")
    assert answer.exit_code == 1 and "there is no version 7 of flight-delay; there are 1" in answer.output


def test_a_card_tells_what_is_recorded_of_a_version_and_what_is_not(told: World, tmp_path: Path) -> None:
    trained_and_released(told)
    told.start("profile")
    told.push(0, 1_000, late=0.25)
    until(lambda: len(told.windows("quality")) >= 4, DEADLINE_S, "windows of labels are there")
    answer = card("1", "--json", "--html", str(tmp_path / "card.html"))
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found["recorded"]["rows fitted on"] == 2_000 and found["recorded"]["task"] == "binary"
    assert (found["recorded"]["cause"], found["recorded"]["asked for by"]) == ("manual", "jo")
    assert found["recorded"]["content hash"] is None
    assert found["gate"] == {"outcome": "passed", "decision": "good enough", "evidence": ["0.6, wanted 0.5"]}
    assert [one["action"] for one in found["releases"]] == ["promoted"]
    assert sum(point["labels"] for point in found["calibration"]) >= 700
    page = (tmp_path / "card.html").read_text()
    assert "flight-delay, version 1" in page and "not recorded" in page
    assert "content hash: not recorded" in card("1").output


def test_an_artifact_that_is_not_what_was_published_has_no_card(told: World, tmp_path: Path) -> None:
    told.publish_version(1)
    (path,) = (tmp_path / "artifacts" / MODEL).glob("*/reference.json")
    path.write_text("{}")
    answer = card("1")
    assert answer.exit_code == 1 and "version 1 of flight-delay has no card" in answer.output
