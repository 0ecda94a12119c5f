"""The benchmarks in their short form: that they work; their figures mean nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_validator_and_stream_are_measured_exactly_once_beside_a_pass_through() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "validator", "stream"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert run.returncode == 0, run.stderr[-2_000:]
    for name in ("validator", "stream"):
        found = json.loads((ROOT / "var" / "bench" / "quick" / f"{name}.json").read_text())
        assert found["ours"] > 0
        assert found["limit"] > 0
        assert {"consume", "columns", "process", "produce", "commit"} <= found["stages_us"].keys()


def test_rest_is_measured_beside_a_bare_handler_and_logs_every_answer() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "rest"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2_000:]
    found = json.loads((ROOT / "var" / "bench" / "quick" / "rest.json").read_text())
    assert found["ours"] > 0
    assert found["limit"] > 0
    assert found["rivals"]["ours, each alone"] > 0
    assert found["figures"]["errors"] == found["figures"]["not logged"] == 0


def test_swaps_and_load_lose_nothing_and_break_no_request() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "swap", "load"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2_000:]
    swap, load = (
        json.loads((ROOT / "var" / "bench" / "quick" / f"{name}.json").read_text())["figures"]
        for name in ("swap", "load")
    )
    for what in ("errors", "missing", "double", "not of one version", "epochs back", "swaps not seen by rest"):
        assert swap[what] == 0, f"{what}: {swap}"
    assert swap["answers"] > 100
    assert swap["stream predictions"] > 100
    assert load["errors"] == load["predictions lost to the log"] == 0
    assert load["logged a request"] == 1
