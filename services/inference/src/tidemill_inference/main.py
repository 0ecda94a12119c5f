"""The command line: `tidemill-inference serve|stream`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tidemill.service import run_service
from tidemill.service.cli import settings_table
from tidemill.service.lean import leave_out
from tidemill_inference.settings import ServeSettings, StreamSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the entry point that the arguments name; gives the exit code (0 clean, 1 crash, 2 settings, 3
    fenced).
    """
    arguments = parser().parse_args(argv)
    leave_out("pandas")
    if arguments.command == "serve":
        return run_service(_serve)
    return run_service(_stream)


def parser() -> argparse.ArgumentParser:
    """The arguments; the settings stand in the help of each command."""
    top = argparse.ArgumentParser(
        prog="tidemill-inference", description="Predictions by REST (serve) and on the stream (stream)."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="serve|stream")
    for name, settings, text in (
        ("serve", ServeSettings, "Predictions by REST; logs each of them to the predictions topic."),
        ("stream", StreamSettings, "Predictions for every clean record, exactly once."),
    ):
        commands.add_parser(
            name,
            help=text,
            description=text,
            epilog="settings (environment variables, defaults in brackets):\n" + settings_table(settings),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    return top


def _serve() -> None:
    from tidemill_inference.entrypoints.serve import run_serve

    run_serve(ServeSettings())


def _stream() -> None:
    from tidemill_inference.entrypoints.stream import run_stream

    run_stream(StreamSettings())
