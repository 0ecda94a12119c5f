"""`python -m benchmarks [--quick] [NAME ...]`: runs benchmarks, prints a table, writes `var/bench/NAME.json`.

Quick ones go to `var/bench/quick/`: they show that a benchmark works, and no speed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence

from benchmarks.cases import CASES
from benchmarks.harness.result import Result
from benchmarks.harness.sizes import FULL, QUICK, Sizes
from benchmarks.harness.world import VAR

TERMINATED = 143
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is named, or everything; 1 where one fails, or misses a figure in full sizes."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run, no rivals: does it work?")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(CASES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that what was started is stopped
    folder = VAR / "quick" if options.quick else VAR
    names = options.names or list(CASES)
    lines, failed, missed = [], 0, 0
    for name in names:
        started = time.monotonic()
        (folder / f"{name}.json").unlink(missing_ok=True)
        result = _tried(name, QUICK if options.quick else FULL)
        if result is None:
            lines.append(f"{name:<17}    FAILED: see above")
            failed += 1
        else:
            result.write(folder)
            lines += result.lines()
            missed += sum(not goal.reached for goal in result.goals)
        print(f"{name}: {time.monotonic() - started:,.0f} s", file=sys.stderr, flush=True)
    print("\n".join(lines), flush=True)
    return int(failed > 0 or (missed > 0 and not options.quick))


def _tried(name: str, sizes: Sizes) -> Result | None:
    """What a benchmark finds; None where it fails, which is told on stderr: the others still run."""
    try:
        return CASES[name](sizes)
    except Exception:  # noqa: BLE001 - whatever went wrong in one benchmark, the others can run
        _log.exception("%s failed", name)
        return None


if __name__ == "__main__":
    sys.exit(main())
