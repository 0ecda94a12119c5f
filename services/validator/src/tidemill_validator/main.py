"""The validator's process: `tidemill-validator`."""

from __future__ import annotations

from collections.abc import Sequence

SERVICE = "tidemill-validator"
DESCRIPTION = """Reads the raw events and labels of every model, checks them against the expectations of the
model file, and writes them to clean or, with the reason, to dead letters: exactly once, byte for byte."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a validator; returns its exit code: 0 stopped, 1 crash, 2 configuration, 3 fenced by another
    process.
    """
    from tidemill.service.cli import parser
    from tidemill_validator.settings import ValidatorSettings

    parser(SERVICE, ValidatorSettings, DESCRIPTION).parse_args(arguments)
    from tidemill.service import StopSignal, run_service
    from tidemill.service.footprint import leave_out

    leave_out("pandas")
    stop = StopSignal().install()

    def work() -> None:
        from tidemill_validator.wiring import run

        run(ValidatorSettings(), stop)

    return run_service(work, SERVICE)
