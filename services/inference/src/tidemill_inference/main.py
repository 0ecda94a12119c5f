"""The command line: `tidemill-inference serve|stream`."""

from __future__ import annotations

from collections.abc import Sequence

from tidemill.service import run_service
from tidemill.service.footprint import leave_out
from tidemill_inference.arguments import SERVICE, parser
from tidemill_inference.settings import ServeSettings, StreamSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the entry point that the arguments name; gives the exit code (0 clean, 1 crash, 2 settings, 3
    fenced).
    """
    arguments = parser().parse_args(argv)
    leave_out("pandas")
    return run_service(_serve if arguments.command == "serve" else _stream, SERVICE)


def _serve() -> None:
    from tidemill_inference.entrypoints.serve import run_serve

    run_serve(ServeSettings())


def _stream() -> None:
    from tidemill_inference.entrypoints.stream import run_stream

    run_stream(StreamSettings())
