"""Empty environments, each with one of our packages and what its own lock names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

UV = str(Path(sys.executable).with_name("uv"))

# Our own packages that each installs; what they need of others is in the lock beside its pyproject.toml.
PACKAGES = {
    "services/ingest": ("libs/core",),
    "services/validator": ("libs/core", "libs/expectations"),
    "services/trainer": ("libs/core", "libs/learning"),
    "services/inference": ("libs/core", "libs/expectations"),
    "services/drift": ("libs/core", "libs/learning"),
    "libs/cli": ("libs/core", "libs/expectations", "libs/learning", "libs/operations"),
}


def quiet(command: list[str], cwd: Path) -> str:
    """Runs a command; fails the test with its output where it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=clean_environment(), check=False)
    assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def clean_environment() -> dict[str, str]:
    """This environment with what pip is told of its registry handed to uv, and nothing that points at this
    checkout.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
    try:
        import mirrors
    finally:
        sys.path.pop(0)
    env = mirrors.uv_environment(Path(sys.executable))
    return {name: value for name, value in env.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


class Workshop:
    """Builds wheels of our packages and environments of their own, each once for a run."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self._wheels: dict[str, Path] = {}
        self._environments: dict[str, Path] = {}

    def wheel(self, package: str) -> Path:
        """The wheel of a package of ours."""
        if package not in self._wheels:
            out = self.folder / "wheels" / package
            command = [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--offline"]
            command += ["--python", sys.executable, "--out-dir", str(out), package]
            quiet(command, self.root)
            (self._wheels[package],) = out.glob("*.whl")
        return self._wheels[package]

    def environment(self, package: str) -> Path:
        """The Python of an environment in which a package stands alone."""
        if package not in self._environments:
            folder = self.folder / "environments" / package
            quiet([UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], self.root)
            python = folder / "bin" / "python"
            install = [UV, "pip", "install", "--quiet", "--python", str(python)]
            quiet([*install, "--require-hashes", "-r", f"{package}/requirements.txt"], self.root)
            ours = [self.wheel(part) for part in (*PACKAGES[package], package)]
            quiet([*install, "--no-deps", "--no-index", *(str(wheel) for wheel in ours)], self.root)
            quiet([UV, "pip", "check", "--quiet", "--python", str(python)], self.root)
            self._environments[package] = python
        return self._environments[package]


@pytest.fixture(scope="session")
def isolated(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Callable[[str], Path]:
    """Gives the Python of an environment in which a package of ours stands alone."""
    return Workshop(root, tmp_path_factory.mktemp("workshop")).environment


def run_in(python: Path, *arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs an isolated Python with nothing in its environment but what it needs to run."""
    bare = {"PATH": os.defpath, "HOME": str(cwd), "LANG": "C.UTF-8"} | env
    return subprocess.run([str(python), *arguments], capture_output=True, text=True, cwd=cwd, env=bare, check=False)
