"""`python -m benchmarks [--quick] [NAME ...]`: runs benchmarks, prints a table, writes `var/bench/NAME.json`.

Quick ones go to `var/bench/quick/`: they show that a benchmark works, and no speed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.cases import CASES
from benchmarks.sizes import FULL, QUICK
from benchmarks.world import VAR


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is named, or everything; 1 where a figure was not reached (in full sizes only)."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run, no rivals: does it work?")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(CASES)}")
    missed = 0
    for name in options.names or CASES:
        result = CASES[name](QUICK if options.quick else FULL)
        result.write(VAR / "quick" if options.quick else VAR)
        print("\n".join(result.lines()), flush=True)
        missed += sum(not goal.reached for goal in result.goals)
    return int(missed > 0 and not options.quick)


if __name__ == "__main__":
    sys.exit(main())
