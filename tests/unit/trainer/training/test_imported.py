"""A model that was trained elsewhere is verified anew, whatever was said of it where it was put down."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from opentelemetry.trace import NoOpTracer

from tests.support.models.foreign_models import foreign_graph
from tests.support.polling import until
from tests.unit.trainer.fixtures import SPEC
from tidemill.artifact import (
    GOLDEN_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    ArtifactError,
    ArtifactStore,
    Golden,
    Manifest,
    OnnxModel,
    check_golden,
    feature_columns,
    fetch_artifact,
    write_artifact,
)
from tidemill.artifact.signing import Signer, TrustedKeys, new_keys
from tidemill.artifact.staging import (
    IMPORT_DETECTOR,
    SAMPLE_FILE,
    Staged,
    is_staging,
    staged_in,
    staging_uri,
    write_sample,
)
from tidemill.clock import FixedClock
from tidemill.contracts.events.platform import Evidence, RetrainRequest, RetrainRun
from tidemill.service import Heartbeat
from tidemill_learning.admission import AdmissionDecision
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.store import RunStore
from tidemill_trainer.training.imported import version_of_import
from tidemill_trainer.training.orders import Orders
from tidemill_trainer.training.run_loop import Trainer, TrainerContext

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

    def begin(self, model: str, run_id: str, tags: Any, name: str) -> str:
        return "mlflow-run"

    def record(self, *_: Any) -> None: ...

    def log_version(self, *_: Any) -> None: ...

    def end(self, tracking_run: str, name: str = "") -> None: ...


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


def imported(folder: Path, place: Staged) -> dict[str, Any]:
    return version_of_import(
        SPEC, place, 4, "run4", store=ArtifactStore(folder.as_uri()), tracking=Silent(), clock=FixedClock(99),  # type: ignore[arg-type]
    )  # fmt: skip


def test_it_becomes_an_artifact_as_any_other_with_the_samples_reference(tmp_path: Path) -> None:
    found = imported(tmp_path, staged(tmp_path))
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


def test_an_import_that_nobody_trusted_has_signed_is_no_version(tmp_path: Path) -> None:
    """Else whoever may write to the store and ask for a training would have the trainer sign what it likes."""
    private, trusted = tmp_path / "signing.pem", tmp_path / "trusted.pem"
    new_keys(private, trusted)
    place = staged(tmp_path)
    store = ArtifactStore(tmp_path.as_uri(), TrustedKeys(trusted), private)
    with pytest.raises(ArtifactError, match="not signed"):
        version_of_import(SPEC, place, 4, "run4", store=store, tracking=Silent(), clock=FixedClock(99))  # type: ignore[arg-type]
    manifest = Path(place.uri.removeprefix("file://"), "manifest.json")
    manifest.with_name("manifest.sig").write_bytes(Signer.read(private).sign(manifest.read_bytes()))
    made = version_of_import(SPEC, place, 4, "run4", store=store, tracking=Silent(), clock=FixedClock(99))  # type: ignore[arg-type]
    version = made["artifact"]
    assert store.fetch("tide", version["artifact_uri"], version["manifest_digest"]).manifest.version == 4


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
        imported(tmp_path, staged(tmp_path, **wrong))


def test_nothing_is_taken_from_another_place_or_after_it_was_changed(tmp_path: Path) -> None:
    place = staged(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(ArtifactError, match="no place for imports"):
        imported(elsewhere, place)
    (tmp_path / "tide" / "import-1" / MODEL_FILE).write_bytes(foreign_graph(["wind"], ["gauge"], weight=2.0))
    with pytest.raises(ArtifactError):
        imported(tmp_path, place)


def test_a_place_is_one_for_imports_however_the_root_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = staging_uri("artifacts", "tide", "1")
    assert place == f"{tmp_path.as_uri()}/artifacts/tide/import-1"
    assert is_staging(place, "artifacts", "tide")
    assert is_staging(place, f"{tmp_path.as_uri()}/artifacts", "tide")
    assert is_staging("s3://b/a/tide/import-1", "s3://b/a/", "tide")
    for other in (
        f"{place}/../../x",
        "s3://b/a/tide/4-run",
        f"{tmp_path.as_uri()}/artifacts/wind/import-1",
        "artifacts",
    ):
        assert not is_staging(other, "artifacts", "tide")


def test_only_the_first_evidence_of_an_import_asks_for_one() -> None:
    other = Evidence(detector="person", kind="manual", subject="s", statistic=0.0, threshold=0.0, detail="d")
    asks = replace(other, detector=IMPORT_DETECTOR)
    assert staged_in([asks, other]) == Staged("s", "d")
    assert staged_in([other, asks]) is None
    assert staged_in([]) is None


class Child:
    """Does orders in this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.orders: list[Mapping[str, Any]] = []

    def ensure_ready(self) -> None:
        """It always is."""

    def end(self) -> None:
        """There is no process to end."""

    def order(self, line: Mapping[str, Any], timeout_s: float, while_waiting: Callable[[], None]) -> dict[str, Any]:
        self.orders.append(line)
        while_waiting()
        try:
            place = Staged(line["uri"], line["digest"])
            found = version_of_import(
                SPEC, place, line["version"], line["run_id"],
                store=ArtifactStore(self._folder.as_uri()), tracking=Silent(), clock=FixedClock(99),  # type: ignore[arg-type]
            )  # fmt: skip
        except ArtifactError as error:
            return {"ok": False, "kind": "refused", "error": str(error)}
        return {"ok": True, **found}


def worked(folder: Path, place: Staged) -> tuple[list[RetrainRun], Child]:
    """The events of a run that asks to import what lies at a place."""
    trainer, store, child, stop = waiting(folder, place)
    thread = threading.Thread(target=trainer.run)
    thread.start()
    try:
        until(lambda: store.unsent()[-1].event.state in ("finished", "failed"), 60, "the run has ended")
    finally:
        stop.set()
        thread.join(60)
    return [outgoing.event for outgoing in store.unsent()], child


def waiting(folder: Path, place: Staged) -> tuple[Trainer, RunStore, Child, threading.Event]:
    """A trainer that has not begun, where such a run waits; what stops it."""
    engine = connect(f"sqlite:///{folder / 'trainer.db'}")
    migrate(engine)
    store = RunStore(engine, FixedClock(1_000), "test", lease_s=60, max_attempts=3)
    asks = Evidence(
        detector=IMPORT_DETECTOR, kind="manual", subject=place.uri, statistic=0.0, threshold=0.0, detail=place.digest
    )
    wish = RetrainRequest(
        request_id="r", model="tide", cause="manual", evidence=(asks,), fingerprint="f", requested_by="ada",
        requested_at=1, event_time=1,
    )  # fmt: skip
    store.admit(wish, "00-" + "1" * 32 + "-" + "2" * 16 + "-01", lambda past: AdmissionDecision(True, "why not"))
    child = Child(folder)
    known, stop = threading.Event(), threading.Event()
    known.set()
    settings = SimpleNamespace(store_wait_s=60, lease_s=60, train_timeout_s=60, poll_s=0.05)
    context = TrainerContext(
        settings=settings, store=store, child=child, orders=Orders({}, lambda model: None),  # type: ignore[arg-type]
        champion_known=known, tracer=NoOpTracer(), stop=stop, heartbeat=Heartbeat(),
    )  # fmt: skip
    return Trainer(context), store, child, stop


def test_who_does_one_run_says_when_it_is_claimed_and_says_nothing_where_none_waits(tmp_path: Path) -> None:
    trainer, store, child, _ = waiting(tmp_path, staged(tmp_path))
    told: list[tuple[str, int]] = []
    seen = lambda: told.append((store.unsent()[-1].event.state, len(child.orders)))  # noqa: E731
    assert trainer.once(seen)
    assert told == [("started", 0)]
    assert not trainer.once(seen)
    assert len(told) == 1


def test_a_run_that_asks_for_an_import_finishes_with_a_version_and_without_a_training(tmp_path: Path) -> None:
    told, child = worked(tmp_path, staged(tmp_path))
    assert [event.state for event in told] == ["accepted", "started", "finished"]
    assert [order["do"] for order in child.orders] == ["import"]
    last = told[-1]
    assert (last.version, last.reason, last.start_offsets) == (1, "imported", (10, 11))
    assert last.artifact is not None
    assert fetch_artifact(last.artifact.artifact_uri, last.artifact.manifest_digest).manifest.version == 1


def test_a_run_that_asks_for_an_unfit_import_fails_and_says_why(tmp_path: Path) -> None:
    told, _ = worked(tmp_path, staged(tmp_path, shift=0.1))
    assert (told[-1].state, told[-1].version) == ("failed", None)
    assert "golden rows" in told[-1].reason
