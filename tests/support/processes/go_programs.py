"""Programs that tests build from Go's modules, each pinned by the hashes of a go.sum."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class ToolsMissing(Exception):
    """What is needed is not there; the message says how to have it."""


def check_go(at_least: tuple[int, int], why: str) -> None:
    """Raises ToolsMissing without a Go of that version; `why`: what it is for."""
    newer = f"Go {'.'.join(map(str, at_least))} or newer"
    if shutil.which("go") is None:
        raise ToolsMissing(f"Go is not installed: {why}. Install {newer}.")
    said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    version = tuple(int(part) for part in said.removeprefix("go").split(".")[:2])
    if version < at_least:
        raise ToolsMissing(f"{said} is too old: {why}. Install {newer}.")


def go_build(folder: Path, package: str, target: Path, say: Callable[[str], None], flags: str = "") -> None:
    """Builds `package` of the module in `folder` to `target`; `flags`: of the linker. Raises ToolsMissing with what
    Go said where it cannot.
    """
    say(f"building {target.name} (once; minutes)")
    began = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", "-trimpath", "-ldflags", f"-s -w {flags}".strip(), "-o", str(target), package]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolsMissing(f"{target.name} cannot be built: {done.stderr[-3000:]}")
    say(f"built {target.name} in {time.monotonic() - began:.0f} s")


def _environment() -> dict[str, str]:
    """`-mod=readonly`: nothing that go.sum does not name is taken."""
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=readonly", "GOTOOLCHAIN": "local"}
