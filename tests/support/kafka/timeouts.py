"""Time-outs with which tests have the dead noticed soon."""

from __future__ import annotations

import os

SESSION_MS = 6_000 if "TIDEMILL_KAFKA_BOOTSTRAP" in os.environ else 4_000
"""After how long a group forgets a killed member; Kafka's own least is 6 s, that of the embedded broker less."""
