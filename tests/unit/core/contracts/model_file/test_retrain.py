"""`retrain.at_most`: a rate of runs by event time, or a budget of fits by labelled rows; `retrain.mixtures`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tidemill.contracts.model_file import ModelFileError
from tidemill.contracts.model_file.load import load_model
from tidemill.contracts.model_file.spec import Retrain


def read(root: Path, folder: Path, at_most: str) -> Retrain:
    text = re.sub("at_most: .*", f"at_most: {at_most}", (root / "models" / "flight-delay.yaml").read_text())
    path = folder / "flight-delay.yaml"
    path.write_text(text)
    return load_model(path).retrain


def test_a_rate_and_a_budget_of_fits_are_told_apart(root: Path, tmp_path: Path) -> None:
    assert read(root, tmp_path, "3 a day").at_most == (3, timedelta(days=1))
    assert read(root, tmp_path, "3 a day").fits == Retrain().fits == (15, 40_000)
    assert read(root, tmp_path, "6 in 10_000").fits == (6, 10_000)
    assert read(root, tmp_path, "6 in 10_000").at_most is None


@pytest.mark.parametrize("wrong", ["6 in 5", "six in 10_000", "6 in 10d"])
def test_what_is_neither_is_refused_at_its_place(root: Path, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ModelFileError, match=r"retrain\.at_most"):
        read(root, tmp_path, wrong)


@pytest.mark.parametrize(("written", "read_as"), [("20 in 40_000", (20, 40_000)), ("off", (0, 1))])
def test_mixtures_are_off_or_so_many_in_labelled_rows(
    root: Path, tmp_path: Path, written: str, read_as: tuple[int, int]
) -> None:
    found = read(root, tmp_path, f"6 in 10_000\n  mixtures: {written}")
    assert (found.fits, found.mixtures) == ((6, 10_000), read_as)


@pytest.mark.parametrize("wrong", ["on", "3 a day", "6 in 5", "0 in 10", "0"])
def test_what_is_no_number_of_mixtures_is_refused_at_its_place(root: Path, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ModelFileError, match=r"retrain\.mixtures"):
        read(root, tmp_path, f"6 in 10_000\n  mixtures: {wrong}")
