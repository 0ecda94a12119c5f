"""A backtest in a process of its own: `tidemill backtest`, started and waited for."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tidemill.client.errors import BacktestFailed, MissingPackage, WaitedTooLong
from tidemill.client.rows.tables import ArrowTable, as_table, is_table

__all__ = ["Backtest", "start_backtest"]

SHOWN_CHARACTERS = 2_000


class Backtest:
    """One that was started. Used as a context, it is ended with it."""

    def __init__(self, process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
        self._process = process
        self._folder = folder

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Its report, as `tidemill backtest --json` writes it. Raises BacktestFailed with what it said, WaitedTooLong
        after `timeout` seconds (it goes on).
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise WaitedTooLong(f"the backtest is not done after {timeout:g} s: wait on, or stop() it") from None
        said = Path(self._folder.name, "said").read_text(encoding="utf-8", errors="replace")
        if code:
            raise BacktestFailed(f"the backtest ended with code {code}: {said.strip()[-SHOWN_CHARACTERS:]}")
        report: dict[str, Any] = json.loads(Path(self._folder.name, "report").read_bytes())
        return report

    async def finished(self, timeout: float | None = None) -> dict[str, Any]:
        """The same, awaited."""
        return await asyncio.to_thread(self.wait, timeout)

    def stop(self) -> None:
        """End it, and remove what it wrote."""
        if not self.done:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def start_backtest(
    model: str, data: Path | str | ArrowTable, *, labels: Path | str | ArrowTable | None = None,
    project: Path | str = ".", policies: Sequence[Path | str] = (), without: Sequence[str] = (),
) -> Backtest:  # fmt: skip
    """Play a model's past again, on this machine and beside no platform. `data`, `labels`: files (CSV, JSONL, Parquet)
    or tables; `project`: the folder with `models/` and `schemas/`; `policies`, `without`: as `tidemill backtest --help`
    says.

    Raises MissingPackage where the command line is not installed.
    """
    if find_spec("tidemill_cli") is None:
        raise MissingPackage("a backtest needs the command line: pip install 'tidemill[backtest]'")
    folder = tempfile.TemporaryDirectory(prefix="tidemill-backtest-")
    place = Path(folder.name)
    command = [sys.executable, "-m", "tidemill_cli", "backtest", model, "--json", "--data", _file(data, place, "data")]
    if labels is not None:
        command += ["--labels", _file(labels, place, "labels")]
    for policy in policies:
        command += ["--policy", str(Path(policy).resolve())]
    for rival in without:
        command += ["--without", rival]
    with (place / "report").open("wb") as report, (place / "said").open("wb") as said:
        return Backtest(subprocess.Popen(command, cwd=project, stdout=report, stderr=said), folder)


def _file(data: Path | str | ArrowTable, folder: Path, name: str) -> str:
    if not isinstance(data, Path | str) and is_table(data):
        from pyarrow import parquet

        path = folder / f"{name}.parquet"
        parquet.write_table(as_table(data), path)
        return str(path)
    return str(Path(str(data)).resolve())
