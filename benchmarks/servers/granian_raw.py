"""The limit's application on Granian, the other server that one would take: one worker, its defaults but uvloop."""

from __future__ import annotations

import os
import sys

from granian import Granian
from granian.constants import Interfaces, Loops

from benchmarks.servers.raw import GRAPH

if __name__ == "__main__":
    os.environ[GRAPH] = sys.argv[2]
    Granian(
        "benchmarks.servers.raw:app", address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.ASGINL,
        loop=Loops.uvloop, factory=True, workers=1, log_enabled=False,
    ).serve()  # fmt: skip
