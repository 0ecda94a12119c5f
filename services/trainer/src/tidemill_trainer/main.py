"""The trainer's process: `tidemill-trainer`."""

from __future__ import annotations

import sys

from tidemill.service import StopSignal, run_service
from tidemill.service.cli import parser
from tidemill_trainer.settings import TrainerSettings

SERVICE = "tidemill-trainer"
ABOUT = "Collects rows, admits retrain requests, trains in a process of its own, and releases versions."


def main() -> int:
    """Entry point; gives the exit code."""
    parser(SERVICE, TrainerSettings, ABOUT).parse_args()
    return run_service(_run, SERVICE)


def _run() -> None:
    from tidemill_trainer.wiring import serve

    serve(TrainerSettings(), StopSignal().install())


if __name__ == "__main__":
    sys.exit(main())
