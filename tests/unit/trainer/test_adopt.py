"""A model that was trained elsewhere is verified anew, whatever was said of it where it was put down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.support.foreign_models import foreign_graph
from tests.unit.trainer.fixtures import SPEC
from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactError,
    Golden,
    Manifest,
    OnnxModel,
    check_golden,
    feature_columns,
    fetch_artifact,
    write_artifact,
)
from tidemill.artifact.staging import IMPORT_DETECTOR, SAMPLE_FILE, Staged, staged_in, staging_uri, write_sample
from tidemill.clock import FixedClock
from tidemill.contracts.events import Evidence
from tidemill_trainer.adopt import adopt

SAMPLE = pa.record_batch(
    {
        "gauge": ["a", "b", None],
        "wind": [1.0, 2.0, 3.0],
        "seen_at": pa.array([10, 20, 30], pa.timestamp("ms", tz="UTC")),
    }
)
OFFSETS = [{"topic": "tide-clean", "partition": n, "first": 0, "last": 9 + n} for n in range(2)]


class Silent:
    """Tracking that nobody looks at."""

    def begin(self, model: str, run_id: str, tags: Any) -> str:
        return "mlflow-run"

    def record(self, *_: Any) -> None: ...

    def end(self, tracking_run: str) -> None: ...


def staged(
    folder: Path, *, graph: bytes | None = None, shift: float = 0.0, sample: bytes | None = None, **over: Any
) -> Staged:
    manifest = Manifest(
        model="tide", version=0, task="binary", output="probabilities", features=feature_columns(SPEC.features),
        classes=("false", "true"), positive_class="true",
        data_set={"table_uri": "", "table_version": 0, "offsets": OFFSETS},
    )  # fmt: skip
    data = graph or foreign_graph(["wind"], ["gauge"])
    inputs = {
        "gauge": np.array([["a"], [""]], dtype=object),
        "wind": np.array([[1.0], [2.0]], dtype=np.float32),
    }
    scores = 1 / (1 + np.exp(-inputs["wind"].ravel().astype(np.float64))) + shift
    files = {
        MODEL_FILE: data,
        GOLDEN_FILE: Golden(inputs, scores).to_bytes(),
        SAMPLE_FILE: write_sample(SAMPLE) if sample is None else sample,
    }
    uri = staging_uri(folder.as_uri(), "tide", "1")
    return Staged(uri, write_artifact(uri, files, replace(manifest, **over)))


def adopted(folder: Path, place: Staged) -> dict[str, Any]:
    return adopt(
        SPEC, place, 4, "run4", artifacts=folder.as_uri(), tracking=Silent(), clock=FixedClock(99),  # type: ignore[arg-type]
    )  # fmt: skip


def test_it_becomes_an_artifact_as_any_other_with_the_samples_reference(tmp_path: Path) -> None:
    found = adopted(tmp_path, staged(tmp_path))
    reference = found["artifact"]
    artifact = fetch_artifact(reference["artifact_uri"], reference["manifest_digest"])
    assert set(artifact.files) == {MODEL_FILE, GOLDEN_FILE, REFERENCE_FILE}
    assert (artifact.manifest.version, artifact.manifest.run_id, artifact.manifest.created_at) == (4, "run4", 99)
    model = OnnxModel.load(artifact.files[MODEL_FILE], artifact.manifest)
    check_golden(model, Golden.from_bytes(artifact.files[GOLDEN_FILE], artifact.manifest))
    drift = json.loads(artifact.files[REFERENCE_FILE])
    assert drift["features"]["wind"]["count"] == 3
    assert drift["features"]["gauge"]["counts"] == {"a": 1, "b": 1}
    assert drift["event_time"] == [10, 30]
    assert found["start_offsets"] == [10, 11]
    assert found["gate"][0]["detector"] == "import"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": "other"}, "not one for tide"),
        ({"task": "regression", "classes": (), "positive_class": None}, "not one for tide"),
        ({"features": feature_columns(SPEC.features[1:])}, "features are not those"),
        ({"graph": foreign_graph(["wind"])}, "inputs"),
        ({"graph": b"\x80\x04cos\nsystem\n"}, "graph|model"),
        ({"shift": 0.1}, "golden rows"),
        ({"sample": b"rubbish"}, "sample cannot be read"),
        ({"sample": write_sample(SAMPLE.slice(0, 0))}, "gives no number"),
    ],
)
def test_what_does_not_fit_is_no_version(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ArtifactError, match=said):
        adopted(tmp_path, staged(tmp_path, **wrong))


def test_nothing_is_taken_from_another_place_or_after_it_was_changed(tmp_path: Path) -> None:
    place = staged(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(ArtifactError, match="no place for imports"):
        adopted(elsewhere, place)
    (tmp_path / "tide" / "import-1" / MODEL_FILE).write_bytes(foreign_graph(["wind"], ["gauge"], weight=2.0))
    with pytest.raises(ArtifactError):
        adopted(tmp_path, place)


def test_only_the_first_evidence_of_an_import_asks_for_one() -> None:
    other = Evidence(detector="person", kind="manual", subject="s", statistic=0.0, threshold=0.0, detail="d")
    asks = replace(other, detector=IMPORT_DETECTOR)
    assert staged_in([asks, other]) == Staged("s", "d")
    assert staged_in([other, asks]) is None
    assert staged_in([]) is None
