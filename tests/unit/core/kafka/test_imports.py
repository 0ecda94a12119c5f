from __future__ import annotations

import subprocess
import sys

WITHOUT_KAFKA = """
import sys
sys.modules["confluent_kafka"] = None
import tidemill.errors, tidemill.ids, tidemill.clock, tidemill.settings
import tidemill.service.cli, tidemill.service.server
import tidemill.kafka.batch, tidemill.kafka.headers, tidemill.kafka.dead_letters
import tidemill.telemetry.logs, tidemill.telemetry.tracing, tidemill.telemetry.metrics
"""


def test_what_needs_no_kafka_client_imports_without_one() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_KAFKA], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
