"""What `make dist` builds, and environments in which it is installed with nothing else of ours, as a person would.

`TIDEMILL_RELEASE_PYTHON` names the Python of these environments, where it is not the one that runs the tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import UV, quiet

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TIDEMILL_RELEASE_PYTHON", sys.executable)
sys.path.insert(0, str(ROOT / "scripts"))
try:
    import dist
    import lock
finally:
    sys.path.pop(0)

NAMES = tuple(dist.released())


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder dist/, built anew."""
    dist.build(ROOT / "dist")
    return ROOT / "dist"


@pytest.fixture
def installed(built: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Installs a distribution of ours (`tidemill[embedded]`) in an empty environment; gives its folder of commands.

    Others' packages are the newest that the registry has for it. Ours come from the wheels alone: their names are never
    looked up.
    """

    def install(requirement: str) -> Path:
        python = tmp_path / "environment" / "bin" / "python"
        quiet([UV, "venv", "--quiet", "--clear", "--python", PYTHON, str(python.parents[1])], ROOT)
        into = [UV, "pip", "install", "--quiet", "--python", str(python)]
        ours = lock.projects()
        needed = lock.third_party([requirement], ours)
        if needed:
            quiet([*into, *needed], ROOT)
        found = [*into, "--no-index", "--find-links", str(built), requirement]
        quiet(found, ROOT)
        quiet([UV, "pip", "check", "--quiet", "--python", str(python)], ROOT)
        return python.parent

    return install
