from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.models import odd_graphs
from tests.support.models.toy_models import sigmoid_graph, toy_manifest
from tidemill.artifact import ArtifactError, FeatureColumn, Manifest, OnnxModel, Reason, prove

MANIFEST = toy_manifest("toy", 1, "x")
ROWS = {"x": np.linspace(-2, 2, 40, dtype=np.float32).reshape(-1, 1)}
VALUE = Manifest(model="toy", version=1, task="regression", output="value", features=(FeatureColumn("x", "number"),))


def test_probabilities_of_rows_that_stand_for_themselves_are_proved() -> None:
    prove(OnnxModel.load(sigmoid_graph("x", 3.0), MANIFEST), ROWS)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (odd_graphs.logits, "from -2 to 2. Logits need a softmax"),
        (odd_graphs.independent_sigmoids, "add up to"),
        (odd_graphs.softmax_over_the_batch, "add up to"),
        (odd_graphs.centred_by_the_batch, "does not depend on the row alone.*but alone"),
        (odd_graphs.by_its_place, "does not depend on the row alone.*in another order"),
        (odd_graphs.dropout_left_on, "asked again.*Is dropout on"),
        (odd_graphs.noise, "asked again.*an operator random"),
    ],
)
def test_what_is_no_probability_or_depends_on_its_neighbours_is_not(graph: Callable[[], bytes], said: str) -> None:
    with pytest.raises(ArtifactError, match=said) as found:
        prove(OnnxModel.load(graph(), MANIFEST), ROWS)
    assert found.value.reason is Reason.SCORES


def test_a_graph_for_one_row_at_a_time_is_not_proved_even_where_one_row_is_all_that_is_known() -> None:
    with pytest.raises(ArtifactError, match=r"(?s)takes no batch of 1024 rows.*left open"):
        prove(OnnxModel.load(odd_graphs.one_row_only(), MANIFEST), {"x": ROWS["x"][:1]})


def test_one_row_alone_is_enough_to_see_a_softmax_over_the_batch() -> None:
    one = {"x": ROWS["x"][:1]}
    with pytest.raises(ArtifactError) as found:
        prove(OnnxModel.load(odd_graphs.softmax_over_the_batch(), MANIFEST), one)
    assert found.value.reason is Reason.SCORES


class Regression:
    """A regression whose answer is a large number plus a small one."""

    def __init__(self, leak: float) -> None:
        self.manifest = VALUE
        self.leak = leak

    def answers(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        x = inputs["x"].astype(np.float64)
        return (1_700_000_000 + 500 * x + self.leak * x.mean()).astype(np.float32).astype(np.float64)


def test_a_value_is_held_against_its_spread_and_not_against_its_size() -> None:
    prove(Regression(0.0), ROWS)  # type: ignore[arg-type]
    skewed = {"x": np.arange(40, dtype=np.float32).reshape(-1, 1)}
    with pytest.raises(ArtifactError, match="does not depend on the row alone"):
        prove(Regression(500.0), skewed)  # type: ignore[arg-type]


def test_a_row_without_a_number_is_allowed_as_long_as_it_has_none_in_every_batch() -> None:
    rows = {"x": np.array([[1.0], [np.nan], [2.0]], dtype=np.float32)}
    prove(OnnxModel.load(sigmoid_graph("x", 1.0), MANIFEST), rows)
