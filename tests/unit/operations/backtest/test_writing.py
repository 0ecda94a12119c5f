"""A policy is written into a model file of whatever style; its comments and all other words stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.turning_model import MODEL, write_model
from tidemill.contracts.model_file import load_model
from tidemill_operations.backtest.policies import read_override
from tidemill_operations.backtest.writing import write_policy, written_into
from tidemill_operations.errors import NotPossible

BLOCK = """\
# a model
training: # how
  candidates:
    - logistic_regression # quick
    - gradient_boosting
  # so many rows
  first_after: 300 # labelled
drift: {window: 1d}
"""


def test_a_block_keeps_its_comments() -> None:
    policy = "training:\n  first_after: 1_000\n  candidates:\n    - random_forest\n  newest: 9_000\n"
    assert written_into(BLOCK, policy) == (
        "# a model\ntraining: # how\n  newest: 9_000\n  candidates:\n    [random_forest]\n"
        "  # so many rows\n  first_after: 1_000 # labelled\ndrift: {window: 1d}\n"
    )


def test_a_section_that_is_not_there_comes_at_the_end() -> None:
    text = written_into("drift: {window: 1d}", "name: x\nretrain: {on: [quality], cooldown: 2h}\n")
    assert text == "drift: {window: 1d}\nretrain: {on: [quality], cooldown: 2h}\n"


@pytest.mark.parametrize(
    "policy",
    [
        "training: {first_after: 250}\n",
        "training:\n  gate: {at_least: 0.6}\n  budget: 20s\nretrain:\n  on: [drift]\n",
        "name: 'two words'\nretrain: {every: 7d}\n",
    ],
)
def test_what_is_written_is_the_model_that_was_played(tmp_path: Path, policy: str) -> None:
    file = write_model(tmp_path)
    (tmp_path / "policy.yaml").write_text(policy)
    spec = load_model(file)
    chosen = read_override(tmp_path / "policy.yaml", spec)
    assert write_policy(spec, chosen) == file
    assert load_model(file) == chosen.spec != spec
    assert sorted(path.name for path in file.parent.iterdir()) == ["turning.yaml"]


def test_a_file_that_has_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = write_model(tmp_path)
    (tmp_path / "policy.yaml").write_text("training: {first_after: 250}\n")
    spec = load_model(file)
    chosen = read_override(tmp_path / "policy.yaml", spec)
    file.write_text(MODEL.replace("delay: 20m", "delay: 30m"))
    with pytest.raises(NotPossible, match="by hand"):
        write_policy(spec, chosen)
    assert "first_after: 300" in file.read_text()
