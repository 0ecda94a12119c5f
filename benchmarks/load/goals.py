"""What REST must reach under load: the bar of `deploy/load`, and a stricter one."""

from __future__ import annotations

P95_MS, P99_MS, ERRORS = 500.0, 1_000.0, 0.001
OUR_P99_MS = 25.0
