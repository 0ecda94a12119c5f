"""Numbers that are large beside their spread, tiny, huge, or strangers among others: none merges with its neighbour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.learning.examples import MINUTE, START, spec
from tidemill.artifact import Golden, Manifest, OnnxModel, check_golden, feature_columns
from tidemill.artifact.errors import ArtifactError
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.spec import Feature
from tidemill.rows.features import feature_inputs
from tidemill_learning.training.search import NoCandidate
from tidemill_learning.training.train import Trained, train

ROWS = 900
CUT_OFF = START + 10_000 * MINUTE
CANDIDATES = ("logistic_regression", "random_forest", "gradient_boosting")
NUMBER, ID = Feature("x", "number"), Feature("id", "number")


def rows(label: np.ndarray, /, **columns: np.ndarray) -> pa.Table:
    """Labelled rows, one a minute."""
    times = pa.array((START + np.arange(len(label)) * MINUTE) * 1000, pa.timestamp("us", "UTC"))
    return pa.table({"_event_time": times, "_observed_at": times, **columns, "_label": label})


def model(task: str, *features: Feature, candidates: tuple[str, ...] = CANDIDATES) -> ModelSpec:
    return replace(spec(task, *candidates), features=features)  # type: ignore[arg-type]


def learned(made: ModelSpec, table: pa.Table) -> tuple[Trained, OnnxModel]:
    """The challenger, and its graph as serving loads it."""
    trained = train(made, table, CUT_OFF, lambda: 0.0)
    task = made.target.task
    manifest = Manifest(
        model="toy", version=1, task=task, output=trained.output, features=feature_columns(made.features),
        classes=trained.classes, positive_class="true" if task == "binary" else None,
    )  # fmt: skip
    return trained, OnnxModel.load(trained.graph, manifest)


def signal(seed: int = 0, count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """A number, and what follows from it with a noise of 0.02 of its range."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, count)
    return x, x + random.normal(scale=0.02, size=count)


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize(
    ("offset", "spread"), [(1_793_500_000.0, 500.0), (1_793_500_000_000.0, 500_000.0), (-4e15, 10.0), (0.0, 1e-200),
                           (0.0, 1e200), (1e300, 1e290)],
)  # fmt: skip
def test_what_serving_answers_is_as_good_as_what_was_learned(candidate: str, offset: float, spread: float) -> None:
    x, y = signal()
    target = offset + spread * y
    trained, served = learned(model("regression", NUMBER, candidates=(candidate,)), rows(target, x=x))
    answers = served.score({"x": x.reshape(-1, 1)})
    error = float(np.sqrt(np.square((answers - target) / spread).mean()))
    assert error < 0.08, f"{error} of the spread, noise is 0.02"
    assert trained.metrics["rmse"] / spread < 0.08 and trained.parity.tolerance < 1e-3 * spread


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("first", [2**24, 1_793_500_000, 2**53 - 2_000])
def test_two_ids_that_differ_by_one_are_two(candidate: str, first: int) -> None:
    ids = first + np.arange(ROWS) % 200
    label = (ids - first) >= 100
    _, served = learned(model("binary", ID, candidates=(candidate,)), rows(label, id=ids))
    table = pa.table({"id": pa.array([first + 99, first + 100])})
    below, above = served.score(feature_inputs(table, [ID]))
    assert below < above
    if candidate == "gradient_boosting":
        assert below < 0.1 and above > 0.9


def test_golden_rows_are_held_to_the_spread_and_not_to_the_size() -> None:
    x, y = signal()
    target = 1_793_500_000.0 + 500.0 * y
    trained, served = learned(model("regression", NUMBER), rows(target, x=x))
    golden = Golden(*trained.golden, trained.golden_tolerance)
    check_golden(served, Golden.from_bytes(golden.to_bytes(), served.manifest))
    with pytest.raises(ArtifactError, match="golden rows"):
        check_golden(served, replace(golden, scores=golden.scores + 5.0))
    check_golden(served, Golden(golden.inputs, golden.scores + 5.0))  # older artifacts: relative to the size


def test_a_few_strangers_do_not_flatten_the_others() -> None:
    x, y = signal()
    x[[5, 700]] = 9.96920996838687e36
    trained, served = learned(model("regression", NUMBER, candidates=("logistic_regression",)), rows(y, x=x))
    answers = served.score({"x": np.array([[0.1], [0.9]])})
    assert answers[1] - answers[0] > 0.7 and trained.metrics["r2"] > 0.9


@pytest.mark.parametrize("stranger", [3e38, -3e38, 1e300, 1.7e308])
def test_strangers_of_any_size_leave_every_candidate_usable(stranger: float) -> None:
    x, y = signal()
    x[np.arange(6) * 100] = stranger
    for candidate in CANDIDATES:
        _, served = learned(model("regression", NUMBER, candidates=(candidate,)), rows(y, x=x))
        answers = served.score({"x": np.array([[0.1], [0.9]])})
        assert answers[1] - answers[0] > 0.7, candidate


def test_an_outlier_among_the_targets_is_no_reason_to_learn_nothing_of_the_others() -> None:
    x, y = signal()
    y[3] = 1e6
    _, served = learned(model("regression", NUMBER, candidates=("random_forest",)), rows(y, x=x))
    assert np.isfinite(served.score({"x": x.reshape(-1, 1)})).all()


def test_a_target_that_never_changes_is_refused_and_the_value_is_named() -> None:
    x, _ = signal()
    with pytest.raises(NoCandidate, match=r"the target is 3\.5 in every row to fit"):
        train(model("regression", NUMBER), rows(np.full(ROWS, 3.5), x=x), CUT_OFF, lambda: 0.0)


@pytest.mark.parametrize(("task", "name"), [("regression", "value"), ("binary", "probabilities"), ("binary", "label")])
def test_a_feature_may_be_named_like_an_output(task: str, name: str) -> None:
    x, y = signal()
    label = y if task == "regression" else y > 0.5
    trained, served = learned(model(task, Feature(name, "number")), rows(label, **{name: x}))
    assert trained.output not in (name,)
    low, high = served.score({name: np.array([[0.1], [0.9]])})
    assert high - low > 0.5
