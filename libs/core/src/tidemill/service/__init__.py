"""What every process needs around its logic: health, metrics endpoint, shutdown, exit codes, `--help`."""

from __future__ import annotations

from tidemill.service.health import Health, Heartbeat, Report
from tidemill.service.run import run_service
from tidemill.service.shutdown import StopSignal

__all__ = ["Health", "Heartbeat", "Report", "StopSignal", "run_service"]
