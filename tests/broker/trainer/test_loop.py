"""From rows on topics to a version that must serve, through the running service."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import urlparse

import mlflow.artifacts
import pytest
from mlflow.tracking import MlflowClient

from tests.broker.trainer.reproducing import agreeing, let_go, reproduced
from tests.broker.trainer.world import DAY_ONE, HOUR, MODEL, World
from tests.support.polling import until
from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    Golden,
    OnnxModel,
    check_golden,
    fetch_artifact,
)
from tidemill_trainer.mixture.shares import evidence_of


def test_the_first_sufficient_data_lead_to_a_version_and_a_request_to_the_next_and_both_are_reproduced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start()
    until(lambda: world.health("ready") == 200, 120, "readiness")
    world.push_events(0, 1_000)
    world.push_labels(0, 500)
    world.push_labels(500, 500)

    (first,) = world.await_versions(1)

    assert (first.model, first.epoch, first.mode, first.champion.version) == (MODEL, 1, "direct", 1)
    assert sum(first.start_offsets) == 1_000, "every clean event is in the data set or after it"
    artifact = fetch_artifact(first.champion.artifact_uri, first.champion.manifest_digest)
    assert set(artifact.files) == {MODEL_FILE, REFERENCE_FILE, GOLDEN_FILE}
    model = OnnxModel.load(artifact.files[MODEL_FILE], artifact.manifest)
    check_golden(model, Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest))
    reference = json.loads(artifact.files[REFERENCE_FILE])
    assert reference["features"]["gauge"]["kind"] == "category"
    assert artifact.manifest.metrics["roc_auc"] > 0.6

    world.push_events(1_000, 1_000)
    world.push_labels(1_000, 1_000)
    sampled = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    until(lambda: sum(_collected(world)) >= 4_000, 60, "all rows collected")
    world.request("drift", DAY_ONE + 48 * HOUR, "f1", [("traceparent", sampled)])

    first, second = world.await_versions(2)

    assert (second.epoch, second.champion.version) == (2, 2)
    assert second.start_offsets == first.start_offsets
    states = [(run.state, run.cause) for run in world.runs()]
    assert states == [(s, c) for c in ("first_data", "drift") for s in ("accepted", "started", "finished")]
    assert {evidence.detector for evidence in world.runs()[-1].gate} == {"base_rate", "at_least", "better_by"}
    assert world.headers("model_versions")[1]["traceparent"].split(b"-")[1] == sampled.split(b"-")[1]
    assert [release.action for release in world.releases()] == ["promoted", "promoted"]
    world.await_log("MLflow's aliases of tide: champion names version 2", 120)
    spans = "".join(path.read_text() for path in (world.folder / "spans").glob("*")) if world.stop() == 0 else ""
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in spans and "train tide" in spans
    told = MlflowClient(f"sqlite:///{world.folder / 'mlflow.db'}")
    entry = told.get_model_version_by_alias(MODEL, "champion")
    run = told.get_run(entry.run_id)
    assert run.info.run_name.startswith("tide v2 drift 20") and run.data.tags["tidemill.code"]
    assert run.inputs.dataset_inputs[0].dataset.name.startswith("tide rows, table version ")
    logged = mlflow.artifacts.download_artifacts(entry.source + "/model.onnx", dst_path=str(world.folder / "told"))
    assert (
        Path(logged).read_bytes()
        == fetch_artifact(second.champion.artifact_uri, second.champion.manifest_digest).files[MODEL_FILE]
    )
    _both_are_reproduced(world, monkeypatch)


def _both_are_reproduced(world: World, patched: pytest.MonkeyPatch) -> None:
    """From Kafka alone, to the last bit, under another model file; and what retention has removed is said."""
    file = world.folder / "models" / "tide.yaml"
    file.write_text(file.read_text().replace("newest: 5_000", "newest: 50").replace("budget: 2s", "budget: 1s"))
    shutil.move(world.folder / "tables", world.folder / "elsewhere")
    for version, rows in ((1, 600), (2, 2_000)):
        code, told = reproduced(world, patched, version)
        assert agreeing(told) == {"data set": True, "model": True, "reference": True}, told
        assert code == 0 and told["agrees"] and told["rows"] == rows
        assert [one["what"] for one in told["remarks"] if "the model file" in one["what"]] != []
    let_go(world, "clean", {0: 100, 1: 50})
    code, told = reproduced(world, patched, 2)
    assert code == 1 and agreeing(told) == {"data set": False, "model": False}, told
    said = "\n".join(one["what"] for one in told["remarks"])
    assert "offsets 0 to 99 of" in said and "were removed by retention" in said and "1,850 labelled rows" in said
    assert "retention" in told["remarks"][0]["cure"]
    code, told = reproduced(world, patched, 9)
    assert code == 1 and "there is no version 9 of tide; there are 1, 2" in told["said"]


def test_commands_roll_back_and_promote_refusals_are_told_with_reasons_and_versions_are_mixed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push_events(0, 1_000)
    world.push_labels(0, 1_000)
    world.start()
    world.await_versions(1, 150)
    world.request("drift", DAY_ONE + 10 * HOUR, "too-soon")
    until(lambda: any(run.state == "refused" for run in world.runs()), 60, "a refusal")
    refused = next(run for run in world.runs() if run.state == "refused")
    assert "cooldown" in refused.reason
    world.request("manual", DAY_ONE + 17 * HOUR)
    world.await_versions(2)

    world.command("rollback")
    third = world.await_versions(3)[-1]
    assert (third.epoch, third.champion.version) == (3, 1)
    command = world.command("promote", 2)
    fourth = world.await_versions(4)[-1]
    assert (fourth.epoch, fourth.champion.version) == (4, 2)
    world.command("reject", 1)
    until(lambda: len(world.releases()) == 5, 60, "the rejection on model-releases")
    assert [r.action for r in world.releases()] == [
        "promoted",
        "promoted",
        "rolled_back",
        "promoted",
        "rejected",
    ]
    assert world.releases()[3].by == "test" and command
    assert len(world.versions()) == 4, "a rejection changes nothing that serves"
    assert len({version.start_offsets for version in world.versions()}) == 1
    _both_are_mixed(world, monkeypatch)


def _both_are_mixed(world: World, patched: pytest.MonkeyPatch) -> None:
    """Both versions as one, asked for as label time does: a version of its own, made again from its members alone."""
    shares = ((2, 0.75), (1, 0.25))
    world.request("manual", DAY_ONE + 30 * HOUR, evidence=evidence_of(shares, "test"))
    serving = world.await_versions(5)[-1].champion
    run = next(run for run in reversed(world.runs()) if run.mixture)
    assert (serving.version, run.version, run.state) == (3, 3, "finished")
    assert [(one.version, one.weight) for one in run.mixture or ()] == list(shares)
    artifact = fetch_artifact(serving.artifact_uri, serving.manifest_digest)
    assert artifact.manifest.shares == shares and "roc_auc" in artifact.manifest.metrics
    check_golden(
        OnnxModel.load(artifact.files[MODEL_FILE], artifact.manifest),
        Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest),
    )
    code, told = reproduced(world, patched, 3)
    assert code == 0 and agreeing(told) == {"data set": True, "model": True, "reference": True}, told
    let_go(world, "clean", {0: 100, 1: 50})
    code, told = reproduced(world, patched, 3)
    assert code == 1 and agreeing(told) == {"data set": False, "model": True, "reference": False}, told
    assert "its graph hangs on none" in "".join(one["cure"] for one in told["remarks"])


def _collected(world: World) -> list[int]:
    from deltalake import DeltaTable

    place = urlparse((world.folder / "tables" / f"{world.settings.prefix}{MODEL}").as_uri()).path
    return [DeltaTable(place).to_pyarrow_dataset().count_rows()]
