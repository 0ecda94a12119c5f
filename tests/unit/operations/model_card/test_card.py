"""What a model card tells, and that what is not recorded is not made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.drift_profiles import REFERENCE
from tidemill_operations.drift.history import Measured
from tidemill_operations.model_card.card import metrics_of, standard_error
from tidemill_operations.model_card.recorded import ENTRIES, SECTIONS, recorded


@given(st.recursive(st.none() | st.integers() | st.text() | st.lists(st.integers()),
                    lambda inner: st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8))  # fmt: skip
def test_nothing_is_recorded_is_none_or_something(document: object) -> None:
    found = recorded({"m": document}, ("m.a.b", "m.a", "m"))
    assert found is None or found not in ("", [], {})


def test_the_first_place_that_has_something_counts_and_nought_is_something() -> None:
    documents = {"manifest": {"threshold": None, "metrics": {"threshold": 0.0}}}
    assert recorded(documents, ("manifest.threshold", "manifest.metrics.threshold")) == 0.0
    assert recorded(documents, ("manifest.lineage.parent", "manifest.git_sha")) is None


def test_every_line_of_a_card_has_a_section_and_a_name_of_its_own() -> None:
    assert {entry.section for entry in ENTRIES} == set(SECTIONS)
    assert len({entry.label for entry in ENTRIES}) == len(ENTRIES)


def test_metrics_have_their_spread_where_it_follows_and_labels_since_by_their_number() -> None:
    windows = (Measured(0, 1, "stream", 1, "champion", 100, {"accuracy": 0.6}, {}),
               Measured(1, 2, "rest", 1, "champion", 300, {"accuracy": 0.8}, {}))  # fmt: skip
    accuracy, loss, auc = metrics_of({"roc_auc": 0.7, "accuracy": 0.75, "log_loss": 0.5}, REFERENCE, "binary", windows)
    assert (accuracy.name, accuracy.labels) == ("accuracy", 400) and accuracy.since == pytest.approx(0.75)
    assert accuracy.error == pytest.approx((0.75 * 0.25 / 1_000) ** 0.5)
    assert (loss.error, loss.since, loss.labels) == (None, None, 0)
    assert auc.error is not None and 0.01 < auc.error < 0.03


def test_a_reference_without_held_out_rows_gives_no_spread() -> None:
    assert standard_error("accuracy", 0.8, {"rows": 100}, "binary") is None
    assert standard_error("roc_auc", 0.8, {"rows": 100, "held_out_rows": 50, "predictions": {}}, "multiclass") is None
