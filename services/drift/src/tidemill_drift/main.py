"""The two processes of drift: *profile* folds partitions into profiles, *detect* merges and judges them."""

from __future__ import annotations

from collections.abc import Sequence

SERVICE = "tidemill-drift"
DESCRIPTION = """Watches what models see, say and get wrong, and asks for retraining when the world has moved.

profile  reads clean events, predictions and labels, joins them, and writes one mergeable profile a window
         of a partition; run as many as you like, up to the number of partitions
detect   merges profiles over partitions, runs the detectors, writes drift events, performance and retrain
         requests; run one (a second one stands by)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one part; returns its exit code: 0 stopped, 1 crash, 2 configuration."""
    from tidemill.service.cli import parser
    from tidemill_drift.settings import DriftSettings

    command = parser(SERVICE, DriftSettings, DESCRIPTION)
    command.add_argument("part", choices=["profile", "detect"], help="which of the two to run")
    part = command.parse_args(arguments).part
    from tidemill.service import StopSignal, run_service
    from tidemill.service.footprint import leave_out

    if part == "profile":  # river, in the other part, is made of pandas
        leave_out("pandas")
    stop = StopSignal().install()

    def work() -> None:
        from tidemill_drift.wiring import run_part

        run_part(part, DriftSettings(), stop)

    return run_service(work, SERVICE)
