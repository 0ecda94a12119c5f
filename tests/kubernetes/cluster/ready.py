"""`python -m tests.kubernetes.cluster.ready`: builds what is missing; ends with 1, saying why, where it cannot."""

from __future__ import annotations

import sys

from tests.kubernetes.cluster.tools import lacking, tools
from tests.support.processes.go_programs import ToolsMissing


def main() -> int:
    """0 where all is there."""
    said = lacking()
    if said is None:
        try:
            tools()
        except ToolsMissing as missing:
            said = str(missing)
    if said is not None:
        print(f"no cluster can be run here: {said}")
    return 1 if said is not None else 0


if __name__ == "__main__":
    sys.exit(main())
