"""A model that was trained elsewhere, from the command line to what serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.broker.trainer.world import MODEL, World
from tests.support.models.foreign_models import foreign_graph
from tests.support.polling import until
from tests.support.processes.service_process import take_on
from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE, fetch_artifact
from tidemill.rows.features import input_kinds
from tidemill_cli.app import cli


def test_an_imported_model_becomes_a_version_without_a_training(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push_events(0, 100)
    world.start()
    until(lambda: world.health("ready") == 200, 120, "readiness")
    take_on(world.environment(), world.folder, monkeypatch)
    kinds = input_kinds(world.specs[MODEL].features)
    graph = foreign_graph(
        *([name for name, kind in kinds.items() if kind == wanted] for wanted in ("number", "category"))
    )
    Path("model.onnx").write_bytes(graph)

    done = CliRunner().invoke(cli, ["models", "import", "model.onnx", "--reason", "made elsewhere"])

    assert done.exit_code == 0, done.output
    assert "version 1" in done.output
    (event,) = world.await_versions(1)
    assert event.champion.version == 1
    assert sum(event.start_offsets) == 100, "the stream begins where the topic ended"
    artifact = fetch_artifact(event.champion.artifact_uri, event.champion.manifest_digest)
    assert set(artifact.files) == {MODEL_FILE, GOLDEN_FILE, REFERENCE_FILE}
    assert artifact.files[MODEL_FILE] == graph
    assert json.loads(artifact.files[REFERENCE_FILE])["rows"] == 100
    assert [run.state for run in world.runs()] == ["accepted", "started", "finished"]
    assert world.releases()[-1].reason
    acts = CliRunner().invoke(cli, ["keys", "audit"]).output
    assert json.loads(acts.splitlines()[0])["act"] == "models.import"
