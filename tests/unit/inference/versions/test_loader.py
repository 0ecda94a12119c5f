from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.models.toy_models import publish_toy
from tests.unit.inference.fakes import FEATURE, MODEL, SCHEMAS
from tidemill.artifact import MODEL_FILE, ArtifactError, Reason
from tidemill.contracts.events.platform import ModelVersion
from tidemill_inference.versions.loader import loader


@pytest.fixture
def published(tmp_path: Path) -> ModelVersion:
    return publish_toy(tmp_path.as_uri(), MODEL, 1, feature=FEATURE, start_offsets=(0,))


LOAD = loader(SCHEMAS, {MODEL: "binary"})


def test_a_published_version_loads(published: ModelVersion) -> None:
    assert LOAD(published).manifest.version == 1


def test_the_digest_of_the_event_binds_the_artifact(published: ModelVersion) -> None:
    other = replace(published, champion=replace(published.champion, manifest_digest="0" * 64))
    with pytest.raises(ArtifactError, match="SHA-256"):
        LOAD(other)


def test_an_artifact_of_another_version_is_refused(published: ModelVersion) -> None:
    other = replace(published, champion=replace(published.champion, version=2))
    with pytest.raises(ArtifactError, match="manifest is of") as found:
        LOAD(other)
    assert found.value.reason is Reason.MANIFEST


def test_what_is_wrong_stands_on_the_error_as_a_name(published: ModelVersion, tmp_path: Path) -> None:
    """Digest, signature, graph, golden and size: tests/broker/inference/test_bad_versions.py, as a metric's label."""
    (model,) = tmp_path.rglob("model.onnx")
    model.unlink()
    with pytest.raises(ArtifactError, match="is not there") as found:
        LOAD(published)
    assert found.value.reason is Reason.MISSING


def test_a_model_of_another_task_is_refused(published: ModelVersion) -> None:
    with pytest.raises(ArtifactError, match="answers binary, its file says regression"):
        loader(SCHEMAS, {MODEL: "regression"})(published)


def test_a_version_that_needs_a_field_the_record_has_not_is_refused(tmp_path: Path) -> None:
    event = publish_toy(tmp_path.as_uri(), MODEL, 1, feature="colour", start_offsets=(0,))
    with pytest.raises(ArtifactError, match="no field colour"):
        LOAD(event)


def test_a_version_that_does_not_repeat_its_golden_rows_is_refused(tmp_path: Path) -> None:
    event = publish_toy(tmp_path.as_uri(), MODEL, 1, feature=FEATURE, start_offsets=(0,), golden_shift=0.01)
    with pytest.raises(ArtifactError, match="golden rows: 3 of 3"):
        LOAD(event)


def test_who_loads_is_told_how_large_the_graph_was(published: ModelVersion) -> None:
    sizes: list[int] = []
    loader(SCHEMAS, {MODEL: "binary"}, on_loaded=sizes.append)(published)
    assert sizes == [Path(published.champion.artifact_uri.removeprefix("file://"), MODEL_FILE).stat().st_size]
