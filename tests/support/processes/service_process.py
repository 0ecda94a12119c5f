"""Our own programs as processes, as tests start them: settings by their fields' names, output into a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CLI = "tidemill_cli"


def environment(settings: Mapping[str, object], *, inherit: bool = True) -> dict[str, str]:
    """This process's environment with `settings` as TIDEMILL_* variables: `prefix` becomes TIDEMILL_PREFIX.

    Without `inherit`, what whoever runs the tests has set for a platform of their own is left out.
    """
    kept = {name: value for name, value in os.environ.items() if inherit or not name.startswith("TIDEMILL_")}
    return kept | {f"TIDEMILL_{name.upper()}": str(value) for name, value in settings.items()}


def take_on(environment: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process the settings of a service's environment, and `folder` as its own, until the test ends: a
    command that it calls then speaks to the same platform.
    """
    monkeypatch.chdir(folder)
    for name, value in environment.items():
        if name.startswith("TIDEMILL_"):
            monkeypatch.setenv(name, value)


def start(
    module: str, *arguments: str, env: Mapping[str, str], log: Path | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """`python -m MODULE ARGUMENTS` as a process. `log`: the file to which both its outputs are appended; `options`: as
    `subprocess.Popen` takes them.
    """
    command = [sys.executable, "-m", module, *arguments]
    if log is None:
        return subprocess.Popen(command, env=env, **options)
    with log.open("ab") as out:
        return subprocess.Popen(command, env=env, stdout=out, stderr=out, **options)


def run(
    *arguments: str, env: Mapping[str, str], module: str = CLI, timeout_s: float = 60, **options: Any
) -> subprocess.CompletedProcess[str]:
    """`tidemill ARGUMENTS`, or another module's command, to its end: its exit code and its outputs as text."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout_s, check=False, **options)
