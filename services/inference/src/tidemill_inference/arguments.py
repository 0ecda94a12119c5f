"""The arguments of `tidemill-inference`, and its help."""

from __future__ import annotations

import argparse

from tidemill.service.cli import settings_table
from tidemill_inference.settings import ServeSettings, StreamSettings

SERVICE = "tidemill-inference"


def parser() -> argparse.ArgumentParser:
    """The settings stand in the help of each command."""
    top = argparse.ArgumentParser(prog=SERVICE, description="Predictions by REST (serve) and on the stream (stream).")
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
