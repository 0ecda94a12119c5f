"""Lines that a process of ours reaches are counted, though it works in another folder and is ended by a signal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CHILD = "import tidemill.clock, time; print('ready', flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE, cwd=sys.argv[1])
assert child.stdout.readline() == b"ready\\n"
child.terminate()
assert child.wait() != 0
"""


def test_a_service_that_is_ended_elsewhere_tells_what_it_reached(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    data = tmp_path / "data"

    def coverage(*words: str) -> None:
        command = [sys.executable, "-m", "coverage", words[0], "--rcfile=pyproject.toml", f"--data-file={data}"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run([*command, *words[1:]], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    coverage("run", str(tmp_path / "parent.py"), str(elsewhere))
    coverage("combine", "--quiet")
    only = "libs/core/src/tidemill/clock.py,services/trainer/src/tidemill_trainer/wiring.py"
    coverage("json", "--quiet", "--fail-under=0", f"--include={only}", "-o", str(tmp_path / "report.json"))
    files = json.loads((tmp_path / "report.json").read_text())["files"]
    assert files["libs/core/src/tidemill/clock.py"]["summary"]["covered_lines"] > 10
    assert files["services/trainer/src/tidemill_trainer/wiring.py"]["summary"]["covered_lines"] == 0
