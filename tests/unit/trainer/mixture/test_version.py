"""Two versions of a table's model become a third: composed, measured on its rows, and written as any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.models.toy_models import toy_manifest
from tests.unit.trainer.assess.bench import MINUTE, Bench
from tests.unit.trainer.fixtures import CLEAN, PARTS, request
from tidemill.artifact import ArtifactError, ArtifactStore, Golden, OnnxModel, check_golden, fetch_artifact
from tidemill.clock import FixedClock
from tidemill.contracts.events.platform import ModelRef
from tidemill_learning.admission import AdmissionDecision
from tidemill_learning.mixture.member import Member, MixtureError
from tidemill_operations.reproduce.mixture import composed_again
from tidemill_trainer.mixture.shares import evidence_of, shares_in
from tidemill_trainer.runs.rows import event, new_row, past_run, told
from tidemill_trainer.runs.store import Claim
from tidemill_trainer.training.job import Job
from tidemill_trainer.training.orders import Orders, Place
from tidemill_trainer.training.process_main import done as obeyed

ROWS = 400


class Silent:
    """Tracking that remembers how its run ended."""

    def __init__(self) -> None:
        self.logged: list[Any] = []
        self.failed: list[bool] = []

    def begin(self, model: str, run_id: str, tags: Mapping[str, str], name: str) -> str:
        return "mlflow-run"

    def record(self, *_: Any) -> None: ...

    def learned_from(self, *_: Any) -> None: ...

    def log_version(self, logged: Any) -> None:
        self.logged.append(logged)

    def end(self, run: str, *, failed: bool = False, name: str = "") -> None:
        self.failed.append(failed)


@pytest.fixture
def bench(root: Path, tmp_path: Path) -> Bench:
    made = Bench(root, tmp_path, rows=ROWS, change=ROWS)
    made.commit(0, ROWS)
    return made


def job(bench: Bench) -> Job:
    return Job({"tide": bench.spec}, Silent(), ArtifactStore(bench.artifacts), FixedClock(99), "0123456")


def order(bench: Bench, shares: tuple[tuple[int, float], ...], known: Mapping[int, ModelRef]) -> dict[str, Any]:
    """As the *train* thread hands it to its process: plain data."""
    claim = Claim("run3", "tide", "quality", "q", 5, "", "token", 1, cut_off=(ROWS + 30) * MINUTE, mixture=shares)
    champion = lambda model: bench.serving  # noqa: E731
    orders = Orders(
        {"tide": Place(bench.uri, CLEAN, PARTS)}, champion, find=lambda model, version: known.get(version)
    )  # fmt: skip
    line = {**orders.of(claim), "do": "compose", "parts": orders.parts(claim), "version": 3}
    return dict(json.loads(json.dumps(line)))


def test_it_is_an_artifact_as_any_other_whose_manifest_names_its_members(bench: Bench) -> None:
    bench.serving = bench.toy(1, 3.0)
    known = {1: bench.serving.champion, 2: bench.toy(2, -1.0).champion}
    work = job(bench)
    made = obeyed(work, order(bench, ((1, 0.75), (2, 0.25)), known))
    artifact = fetch_artifact(made["artifact"]["artifact_uri"], made["artifact"]["manifest_digest"])
    manifest = artifact.manifest
    assert (manifest.version, manifest.shares, manifest.run_id) == (3, ((1, 0.75), (2, 0.25)), "run3")
    assert [one.manifest_digest for one in manifest.mixture or ()] == [known[v].manifest_digest for v in (1, 2)]
    assert manifest.lineage is not None
    assert (manifest.lineage.cause, manifest.lineage.parent, manifest.lineage.trials) == ("mixture", 1, 0)
    assert manifest.lineage.content and manifest.data_set == made["artifact"]["data_set"]

    model = OnnxModel.load(artifact.files["model.onnx"], manifest)
    check_golden(model, Golden.from_bytes(artifact.files["golden.json"], manifest))
    wind = np.array([[0.4], [-2.0]])
    wanted = 0.75 / (1 + np.exp(-3.0 * wind)) + 0.25 / (1 + np.exp(wind))
    assert model.score({"wind": wind}) == pytest.approx(wanted.ravel(), abs=1e-6)

    reference = json.loads(artifact.files["reference.json"])
    assert reference["metrics"]["roc_auc"] == made["metrics"]["roc_auc"] > 0.8
    assert [one["kind"] for one in made["gate"]] == ["gate", "gate", "mixture", "mixture"]
    assert "measured on" in made["reason"] and made["start_offsets"] == [400, 0]
    members = [Member.of(fetch_artifact(one.artifact_uri, one.manifest_digest), one.weight)
               for one in manifest.mixture or ()]  # fmt: skip
    assert composed_again(members) == manifest.files["model.onnx"], "of its members alone it is made again"
    assert isinstance(work.tracking, Silent) and work.tracking.failed == [False]
    (logged,) = work.tracking.logged
    assert "version 1 (0.75) and version 2 (0.25)" in logged.card


def test_a_member_that_is_not_what_was_published_or_does_not_fit_is_none(bench: Bench) -> None:
    first, second = bench.toy(1, 3.0).champion, bench.toy(2, 1.0).champion
    line = order(bench, ((1, 0.5), (2, 0.5)), {1: first, 2: second})
    forged = {**line, "parts": [line["parts"][0], {**line["parts"][1]}]}
    forged["parts"][1]["reference"] = {**forged["parts"][1]["reference"], "manifest_digest": "0" * 64}
    with pytest.raises(ArtifactError, match="has SHA-256"):
        obeyed(job(bench), forged)
    with pytest.raises(LookupError, match="nobody knows where version 2 lies"):
        order(bench, ((1, 0.5), (2, 0.5)), {1: first})
    mixed = obeyed(job(bench), line)
    again = order(bench, ((1, 0.5), (2, 0.5)), {1: first, 2: ModelRef.from_dict(mixed["artifact"])})
    with pytest.raises(MixtureError, match="version 3 is a mixture itself"):
        obeyed(job(bench), {**again, "version": 4})


def test_what_is_to_be_mixed_travels_as_evidence_and_is_told_with_the_run() -> None:
    shares = ((12, 0.625), (3, 0.375))
    evidence = [one.to_dict() for one in evidence_of(shares, "label_time")]
    assert shares_in(evidence) == shares and shares_in([]) == ()
    asked = request("q", "quality")
    plain = new_row(asked, "", AdmissionDecision(True, "yes"), 7)
    mixing = {**plain, "evidence": evidence}
    run = told(event(mixing))
    assert [(one.version, one.weight) for one in run.mixture or ()] == list(shares)
    assert told(event(plain)).mixture is None
    assert (past_run(mixing).cause, past_run(plain).cause) == ("mixture", "quality")
    assert toy_manifest("tide", 1, "wind").shares == ()
