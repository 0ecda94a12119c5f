"""The trainer's process; `tidemill-trainer train --once` is one run alone, `notify --test` a test message."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from tidemill.service import StopSignal, run_service
from tidemill.service.cli import parser
from tidemill_trainer.settings import TrainerSettings

SERVICE = "tidemill-trainer"
ABOUT = "Collects rows, admits retrain requests, trains in a process of its own, releases versions, and tells people."


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; gives the exit code: 0 stopped or done, 1 crash or an attempt that failed, 2 configuration."""
    command = parser(SERVICE, TrainerSettings, ABOUT)
    command.add_argument("part", nargs="?", choices=["train", "notify"], help="with --once or --test, alone")
    command.add_argument("--once", action="store_true", help="claim the run that has waited longest, train it, end")
    command.add_argument("--test", action="store_true", help="send a test message by each channel that is set, end")
    given = command.parse_args(argv)
    if (given.once, given.test) != (given.part == "train", given.part == "notify"):
        command.error("say `train --once` or `notify --test`; without arguments all parts run (TIDEMILL_PARTS)")
    return run_service(partial(_run, given.part), SERVICE)


def _run(part: str | None) -> None:
    if part == "notify":
        from tidemill_trainer.notify.trial import try_all as run
    elif part == "train":
        from tidemill_trainer.single_run import train_once as run
    else:
        from tidemill_trainer.wiring import serve as run
    run(TrainerSettings(), StopSignal().install())


if __name__ == "__main__":
    sys.exit(main())
