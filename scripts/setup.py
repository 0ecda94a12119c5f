"""Makes .venv: every locked package by hash, our packages editable. Standard library only; seconds when
nothing changed.

What is done is remembered in .venv/tidemill-setup.json, keyed by the hash of what it was done from, so that a
second run does nothing and needs no network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import mirrors

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "tidemill-setup.json"
BOOTSTRAP = ROOT / "requirements" / "bootstrap.txt"
LOCK = ROOT / "requirements" / "dev.txt"


class SetupError(Exception):
    """A step failed; the message says what to do."""


def main() -> int:
    started = time.monotonic()
    try:
        changed = set_up()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    if changed:
        print(f"setup: ready after {time.monotonic() - started:.0f} s", flush=True)
    return 0


def set_up() -> bool:
    """Brings .venv up to date; returns whether anything had to be done."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    projects = sorted(path.parent for path in ROOT.glob("*/*/pyproject.toml"))
    wanted = {
        "python": version,
        "bootstrap": digest(BOOTSTRAP),
        "lock": digest(LOCK),
        "packages": digest(*(project / "pyproject.toml" for project in projects), text=str(ROOT)),
    }
    done = read_stamp()
    if done == wanted:
        return False
    if done.get("python") != version:
        done = make_venv(version)
    env = mirrors.uv_environment(VENV_PYTHON)
    if done.get("bootstrap") != wanted["bootstrap"]:
        install_uv()
        write_stamp(done | {"bootstrap": wanted["bootstrap"]})
    if done.get("lock") != wanted["lock"]:
        sync_packages(env)
        done = {key: wanted[key] for key in ("python", "bootstrap", "lock")}
        write_stamp(done)
    install_ours(projects, env)
    write_stamp(wanted)
    return True


def make_venv(version: str) -> dict[str, str]:
    """Creates .venv unless there is one of this Python version; returns what is done in it."""
    if VENV_PYTHON.exists() and venv_version() == version:
        return {"python": version}
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"{sys.executable} has no {module} module. On Debian and Ubuntu: apt install python{version}-venv"
            )
    say(f"making .venv with Python {version}")
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], dict(os.environ), "making .venv failed")
    return {"python": version}


def venv_version() -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([str(VENV_PYTHON), "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def install_uv() -> None:
    say("installing uv, pinned by hash")
    problem = mirrors.unreachable(VENV_PYTHON)
    if problem:
        raise SetupError(problem)
    command = [
        str(VENV_PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--timeout", "8", "--retries", "1", "--no-deps", "--require-hashes", "-r", str(BOOTSTRAP)]
    run(command, dict(os.environ), "pip could not install uv. " + mirrors.ADVICE)


def sync_packages(env: dict[str, str]) -> None:
    say("installing the locked packages (several hundred MB on a new machine)")
    command = [uv(), "pip", "sync", "--quiet", "--python", str(VENV_PYTHON), "--require-hashes", str(LOCK)]
    if subprocess.run([*command, "--offline"], env=env, capture_output=True, check=False).returncode == 0:
        return
    problem = mirrors.unreachable(VENV_PYTHON)
    if problem:
        raise SetupError(problem)
    run(command, env, "the locked packages could not be installed. " + mirrors.ADVICE)


def install_ours(projects: list[Path], env: dict[str, str]) -> None:
    remove_renamed(projects, env)
    say(f"installing Tidemill's own {len(projects)} packages, editable")
    command = [
        uv(),
        "pip",
        "install",
        "--quiet",
        "--python",
        str(VENV_PYTHON),
        "--no-deps",
        "--no-build-isolation",
    ]
    command += ["--offline", "--reinstall"]
    for project in projects:
        command += ["--editable", str(project)]
    run(command, env, "Tidemill's own packages could not be installed; does a pyproject.toml have an error?")


def remove_renamed(projects: list[Path], env: dict[str, str]) -> None:
    """Removes packages of ours under names that they have no more: two would own one command."""
    ours = {tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] for project in projects}
    listed = [uv(), "pip", "list", "--python", str(VENV_PYTHON), "--editable", "--format", "json"]
    answer = subprocess.run(listed, env=env, capture_output=True, text=True, check=False)
    there = {found["name"] for found in json.loads(answer.stdout or "[]")}
    gone = sorted(name for name in there - ours if name.startswith("tidemill"))
    if gone:
        command = [uv(), "pip", "uninstall", "--quiet", "--python", str(VENV_PYTHON), *gone]
        run(command, env, f"{', '.join(gone)} could not be removed")


def uv() -> str:
    return str(VENV / "bin" / "uv")


def run(command: list[str], env: dict[str, str], failure: str) -> None:
    if subprocess.run(command, env=env, cwd=ROOT, check=False).returncode != 0:
        raise SetupError(failure)


def digest(*files: Path, text: str = "") -> str:
    sha = hashlib.sha256(text.encode())
    for file in files:
        sha.update(file.read_bytes())
    return sha.hexdigest()


def read_stamp() -> dict[str, str]:
    if not (STAMP.exists() and VENV_PYTHON.exists()):
        return {}
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except ValueError:
        return {}
    return stamp


def write_stamp(stamp: dict[str, str]) -> None:
    part = STAMP.with_suffix(".part")
    part.write_text(json.dumps(stamp, indent=1))
    part.replace(STAMP)


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
