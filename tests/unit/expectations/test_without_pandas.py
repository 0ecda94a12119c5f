"""Every rule in both forms in a process without pandas, as workers are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from tidemill.service.footprint import leave_out
leave_out("pandas")
import pytest
code = pytest.main(["-q", "tests/unit/expectations/test_recorded_verdicts.py"])
sys.exit(code or "pandas" in sys.modules)
"""


def test_recorded_batches_are_judged_alike_in_a_process_without_pandas(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
