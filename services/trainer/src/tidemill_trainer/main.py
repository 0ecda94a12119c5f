"""The trainer's process: `tidemill-trainer`, or `tidemill-trainer train --once` for one run alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tidemill.service import StopSignal, run_service
from tidemill.service.cli import parser
from tidemill_trainer.settings import TrainerSettings

SERVICE = "tidemill-trainer"
ABOUT = "Collects rows, admits retrain requests, trains in a process of its own, and releases versions."


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; gives the exit code: 0 stopped or done, 1 crash or an attempt that failed, 2 configuration."""
    command = parser(SERVICE, TrainerSettings, ABOUT)
    command.add_argument("part", nargs="?", choices=["train"], help="with --once: one run, and then the end")
    command.add_argument("--once", action="store_true", help="claim the run that has waited longest, train it, end")
    given = command.parse_args(argv)
    if given.once != (given.part == "train"):
        command.error("say `train --once` for one run; without arguments all parts run (TIDEMILL_PARTS)")
    return run_service(_once if given.once else _run, SERVICE)


def _run() -> None:
    from tidemill_trainer.wiring import serve

    serve(TrainerSettings(), StopSignal().install())


def _once() -> None:
    from tidemill_trainer.single_run import train_once

    train_once(TrainerSettings(), StopSignal().install())


if __name__ == "__main__":
    sys.exit(main())
