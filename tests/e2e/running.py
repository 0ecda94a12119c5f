"""Runs `tidemill demo` as a person does, and reads what it leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import service_process

LAST_LINES = 60


@dataclass(frozen=True, slots=True)
class Run:
    """A demo that has ended: exit code, all that it printed, and its summary."""

    code: int
    output: str
    summary: dict[str, Any]

    def tail(self) -> str:
        """The end of the output, for a failure's message."""
        return "\n".join(self.output.splitlines()[-LAST_LINES:])


def tidemill(
    root: Path, *arguments: str, timeout_s: float, settings: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and output of a `tidemill` command in the checkout.

    When `timeout_s` runs out it is interrupted, as by Ctrl-C, so that it can end its processes; the code is
    then -1.
    """
    env = service_process.environment({}, inherit=False) | dict(settings or {})
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = service_process.start(service_process.CLI, *arguments, env=env, cwd=root, **outputs)
    try:
        output, _ = process.communicate(timeout=timeout_s)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        return -1, f"{output}\n(interrupted after {timeout_s:.0f} s)"


def run_demo(root: Path, var: Path, *arguments: str, timeout_s: float) -> Run:
    """Runs the demo with its data in `var`, on a broker of its own."""
    code, output = tidemill(root, "demo", "--var", str(var), *arguments, timeout_s=timeout_s)
    path = var / "summary.json"
    summary = json.loads(path.read_text()) if path.exists() else {}
    return Run(code, output, summary)


def ask_rest(serve: str, model: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The prediction of *serve*, at its URL, for one row; None while there is no version. Fails the test otherwise."""
    url, headers = f"{serve}/v1/models/{model}/predict", {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(row).encode(), headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        if error.code == 503:
            return None
        raise AssertionError(f"{error.code}: {error.read().decode()}") from error
