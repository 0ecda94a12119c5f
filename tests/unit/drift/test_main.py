"""The command line, and that importing the package does nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tidemill_drift.main import main

HEAVY = ("river", "faust", "numpy", "pyarrow", "confluent_kafka", "polars", "scipy")


def test_help_says_what_both_parts_do_and_lists_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "profile" in text
    assert "detect" in text
    assert "TIDEMILL_SEAL_AFTER_S" in text


def test_a_part_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["watch"])
    assert caught.value.code == 2
    assert "watch" in capsys.readouterr().err


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import sys, tidemill_drift.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(HEAVY) & set(loaded.split())


def test_judging_needs_neither_pandas_nor_scikit_learn() -> None:
    code = "import sys; import tidemill_drift.detector_host, tidemill_learning.drift.detection.regime as regime; "
    code += "regime.Regime(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"pandas", "sklearn", "onnx"} & set(loaded.split())
