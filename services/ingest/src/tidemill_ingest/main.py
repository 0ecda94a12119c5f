"""The ingest process: `tidemill-ingest`."""

from __future__ import annotations

from collections.abc import Sequence

SERVICE = "tidemill-ingest"
DESCRIPTION = """Takes events and labels by HTTP and stores them in Kafka: an answer of 202 means stored."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves; returns the exit code: 0 stopped, 1 crash, 2 configuration."""
    from tidemill.service.cli import parser
    from tidemill_ingest.settings import IngestSettings

    parser(SERVICE, IngestSettings, DESCRIPTION).parse_args(arguments)
    from tidemill.service import StopSignal, run_service

    StopSignal().install()  # to this uvicorn hands signals on when it has stopped: the exit code is 0

    def work() -> None:
        from tidemill_ingest.wiring import run

        run(IngestSettings())

    return run_service(work, SERVICE)
