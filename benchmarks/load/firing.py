"""The load generator as a benchmark starts it: a process beside the one under measurement, one at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.children import Child, python

PATIENCE_S = 60.0
JSON_HEADERS = {"content-type": "application/json"}


@dataclass(slots=True)
class Firing:
    """A load generator at work for `seconds`. `records`: where it writes a line for each request, if it does."""

    child: Child
    seconds: float
    records: Path | None

    def result(self) -> dict[str, Any]:
        """What it found (see `benchmarks.loadgen.tally`), when it is done. Raises RuntimeError where it failed."""
        try:
            code = self.child.popen.wait(self.seconds + PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"the load generator took more than {error.timeout:.0f} s") from error
        finally:
            self.child.stop()
        said = self.child.log.read_text()
        if code != 0:
            raise RuntimeError(f"the load generator ended with {code}: {said[-2_000:]}")
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found


def fire(
    url: str,
    bodies: Path,
    *,
    seconds: float,
    warm_s: float = 1.0,
    rate: float | None = None,
    connections: int = 32,
    headers: Mapping[str, str] = JSON_HEADERS,
    records: Path | None = None,
    more: Sequence[str] = (),
) -> Firing:
    """Start to fire the bodies, one a line of the file `bodies`, at `url`; `rate`: of the open loop, None for the
    closed one; `more`: other arguments of `python -m benchmarks.loadgen`. It ends with this process.
    """
    arguments = [url, "--bodies", str(bodies), "--seconds", str(seconds), "--warm", str(warm_s), *more]
    arguments += ["--connections", str(connections)]
    arguments += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    arguments += ["--rate", str(rate)] if rate is not None else []
    arguments += ["--records", str(records)] if records is not None else []
    return Firing(python("benchmarks.loadgen", *arguments), warm_s + seconds, records)
