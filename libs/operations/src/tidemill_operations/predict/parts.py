"""An output that is written in parts and put together at the end, so that a job that was broken off goes on.

`OUT.parts/` has the parts, numbered, and `job.json`: what the job is, how many parts are whole, and where the next one
begins. A part counts once `job.json` says so.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

ENDINGS = (".csv", ".jsonl", ".parquet")


class OtherJob(ValueError):
    """The parts that lie there are of another job."""


class Parts:
    """The parts of one output."""

    def __init__(self, target: Path, job: Mapping[str, Any]) -> None:
        """`job`: what makes the output what it is; equal jobs have equal outputs. Raises ValueError for an ending that
        is not known, OtherJob where the parts that lie there are of another one.
        """
        if target.suffix.lower() not in ENDINGS:
            raise ValueError(f"{target.name}: what kind of file is this to be? Known endings: {', '.join(ENDINGS)}")
        self.target = target
        self.folder = target.with_name(f"{target.name}.parts")
        self._job = dict(job)
        self._state: dict[str, Any] = {"job": self._job, "parts": 0, "next": None, "rows": 0, "errors": 0}
        found = self._read()
        if found is not None:
            if found["job"] != self._job:
                raise OtherJob(f"{self.folder} has the parts of another job: finish it, or start over with --again")
            self._state = found

    @property
    def next(self) -> Any:
        """Where the next part begins, as `add` was told; None before the first."""
        return self._state["next"]

    @property
    def rows(self) -> int:
        """Rows in whole parts."""
        return int(self._state["rows"])

    @property
    def errors(self) -> int:
        """Rows of them that have no prediction."""
        return int(self._state["errors"])

    def add(self, frame: pl.DataFrame, next_: Any, errors: int = 0) -> None:
        """Write a part, then record that it is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = self._state["parts"]
        frame.write_parquet(self.folder / f"{number:06d}.parquet")
        self._state |= {
            "parts": number + 1,
            "next": next_,
            "rows": self.rows + len(frame),
            "errors": self.errors + errors,
        }
        part = self.folder / f"job.{os.getpid()}.part"
        part.write_text(json.dumps(self._state), encoding="utf-8")
        part.replace(self.folder / "job.json")

    def finish(self) -> None:
        """Put the parts together into the target, whole or not at all, and remove them."""
        paths = [self.folder / f"{number:06d}.parquet" for number in range(self._state["parts"])]
        if not paths:
            raise ValueError("there is nothing to score")
        whole = self.target.with_name(f"{self.target.name}.whole")
        frame = pl.scan_parquet(paths)
        ending = self.target.suffix.lower()
        if ending == ".parquet":
            frame.sink_parquet(whole)
        elif ending == ".csv":
            frame.sink_csv(whole)
        else:
            frame.sink_ndjson(whole)
        whole.replace(self.target)
        shutil.rmtree(self.folder)

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads((self.folder / "job.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        assert isinstance(found, dict)
        return found


def forget(target: Path) -> None:
    """Remove the parts of an output, whatever job they are of."""
    shutil.rmtree(target.with_name(f"{target.name}.parts"), ignore_errors=True)
