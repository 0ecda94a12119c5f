"""Each distribution alone in an empty environment; and the quick start from the wheels, timed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import run_in
from tests.release.conftest import NAMES

QUICK_START = Path(__file__).with_name("quick_start.py")
LIMIT_S = 180
"""From an empty folder to an answered prediction; the installation is not in it."""

pytestmark = pytest.mark.timeout(1_800)


def import_name(name: str) -> str:
    return {"tidemill": "tidemill_cli", "tidemill-core": "tidemill"}.get(name, name.replace("-", "_"))


@pytest.mark.parametrize("name", NAMES)
def test_a_distribution_installs_alone_imports_and_its_command_answers(
    name: str, installed: Callable[[str], Path], tmp_path: Path
) -> None:
    programs = installed(name)
    code = f"import tidemill, {import_name(name)} as it; print(it.__file__, tidemill.__version__)"
    imported = run_in(programs / "python", "-c", code, cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.startswith(str(programs.parent))
    commands = [path for path in programs.iterdir() if path.name.startswith("tidemill")]
    for command in commands:
        done = subprocess.run([command, "--help"], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0 and "usage" in done.stdout.lower(), done.stderr


def test_the_command_alone_begins_a_project_and_says_what_a_platform_needs(
    installed: Callable[[str], Path], tmp_path: Path
) -> None:
    command = str(installed("tidemill") / "tidemill")
    for arguments in (["init", "shop"], ["--version"]):
        subprocess.run([command, *arguments], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run([command, "up"], cwd=tmp_path / "shop", capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pip install 'tidemill[embedded]'" in done.stderr


def test_the_quick_start_runs_from_the_wheels_without_a_clone(
    installed: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    programs = installed("tidemill[embedded]")
    seconds = time.monotonic() - began
    folder = Path(os.environ.get("TIDEMILL_RELEASE_FOLDER", tmp_path / "empty"))
    folder.mkdir(parents=True)
    done = run_in(programs / "python", str(QUICK_START), str(programs), str(folder), cwd=folder, HOME=str(Path.home()))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n  installed in {seconds:.0f} s; then, seconds from the beginning: {found}")
    assert found["version"] == 1 and found["seconds"]["answered"] < LIMIT_S
