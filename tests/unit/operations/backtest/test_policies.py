"""A policy file changes words of the model file, and its mistakes are told with their place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.models.turning_model import write_model
from tidemill.contracts.model_file import ModelFileError, ModelSpec, load_model
from tidemill.errors import ConfigError
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_operations.backtest.policies import Override, compared, grid_of, read_override


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return load_model(write_model(tmp_path))


def override(folder: Path, text: str, spec: ModelSpec) -> Override:
    path = folder / "quick.yaml"
    path.write_text(text)
    return read_override(path, spec)


def test_what_a_policy_file_does_not_say_is_the_model_files(tmp_path: Path, spec: ModelSpec) -> None:
    found = override(tmp_path, "training: {first_after: 200, gate: {at_least: 0.7}}\nretrain: {cooldown: 2h}\n", spec)
    assert found.name == "quick"
    assert (found.spec.training.first_after, found.spec.training.gate.at_least) == (200, 0.7)
    assert found.spec.training.candidates == spec.training.candidates == ("logistic_regression",)
    assert found.spec.retrain.cooldown.total_seconds() == 7_200 and found.spec.retrain.on == spec.retrain.on
    assert found.spec.features == spec.features


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trainig: {}\n", r"quick\.yaml:1:1: .*trainig"),
        ("training:\n  first_after: soon\n", r"quick\.yaml:2:16"),
        ("training: {metric: rmse}\n", "metric"),
        ("- 1\n", "must be"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, spec: ModelSpec, text: str, said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        override(tmp_path, text, spec)


def test_two_policies_of_one_name_are_refused(tmp_path: Path, spec: ModelSpec) -> None:
    twice = override(tmp_path, "name: never\n", spec)
    with pytest.raises(ConfigError, match="two policies are called 'never'"):
        compared(spec, 1_000, [twice], float)


def test_a_policy_without_quality_fits_no_more_after_the_first(tmp_path: Path, spec: ModelSpec) -> None:
    watched = override(tmp_path, "retrain: {on: [drift]}\n", spec)
    ours, other, *_ = compared(spec, 1_000, [watched], float).policies
    assert isinstance(ours, Tidemill) and isinstance(other, Tidemill)
    assert ours.on_quality and not other.on_quality


def test_a_policy_may_have_a_budget_of_its_own_and_mixtures(tmp_path: Path, spec: ModelSpec) -> None:
    found = override(tmp_path, "retrain: {at_most: 6 in 10_000, mixtures: 20 in 40_000}\n", spec)
    ours, other, *_ = compared(spec, 1_000, [found], float).policies
    assert isinstance(ours, Tidemill) and isinstance(other, Tidemill)
    assert (other.budget.fits, other.budget.rows, other.budget.mixtures) == (6, 10_000, (20, 40_000))
    assert ours.budget.fits == 15 and ours.budget.mixtures[0] == 0


def test_rivals_can_be_left_out(spec: ModelSpec) -> None:
    names = [policy.name for policy in compared(spec, 1_000, [], float).policies]
    assert names == ["Tidemill", "never", "river ARF"]
    bare = compared(spec, 1_000, [], float, ("never", "schedules", "forest"))
    assert [policy.name for policy in bare.policies] == ["Tidemill"] and bare.grid == ()


@pytest.mark.parametrize(
    ("rows", "every", "newest"),
    [
        (400, [100], [300, None]),
        (1_000, [100], [300, None]),
        (40_000, [2_000, 5_000], [300, 1_200, None]),
        (330_000, [20_000, 50_000], [300, 1_200, 60_000]),
    ],
)
def test_schedules_fit_the_length_of_the_stream_and_what_training_may_take(
    spec: ModelSpec, rows: int, every: list[int], newest: list[int | None]
) -> None:
    assert grid_of(rows, replace(spec.training, newest=60_000)) == (every, newest)
