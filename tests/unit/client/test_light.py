"""The client alone brings neither a Kafka client nor columns nor the command line."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
from tidemill.client import AsyncClient, Client
heavy = {"aiokafka", "confluent_kafka", "fastapi", "numpy", "onnxruntime", "pandas", "polars", "pyarrow", "pyruhvro"}
print(sorted(name for name in sys.modules if name in heavy or name.startswith("tidemill_")))
"""


def test_importing_the_client_loads_nothing_that_its_extra_does_not_bring() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
