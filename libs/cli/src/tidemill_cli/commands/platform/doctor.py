"""`tidemill doctor`: is this Kafka as Tidemill needs it?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option(
    "--service",
    type=click.Choice(["ingest", "validator", "trainer", "inference", "drift", "cli"]),
    default="cli",
    show_default=True,
    help="Whose rights this principal should have.",
)
@click.option(
    "--try-transactions",
    is_flag=True,
    help="Also begin with a transactional id of its own under each prefix: Kafka cannot be asked about those.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def doctor(platform: PlatformView, service: str, try_transactions: bool, as_json: bool) -> None:
    """Check brokers, versions, rights, topics, partition counts and partitioners, lag, clocks, schema registry
    and disk, and say what to do for each. Changes nothing. Exit code 1 where anything fails.

    \b
    tidemill doctor                                        as the person at the command line
    tidemill doctor --service validator --try-transactions with the validator's own login
    """
    from tidemill_cli.rendering.progress import spinner
    from tidemill_operations.doctor.checks import examine
    from tidemill_operations.doctor.findings import exit_code

    with spinner("examining brokers, rights and topics"):
        findings = examine(platform, service, try_transactions=try_transactions)
    if as_json:
        click.echo(json.dumps([finding.to_dict() for finding in findings], indent=1))
    else:
        for finding in findings:
            click.secho(f"{finding.status:<5}", fg=COLOURS[finding.status.value], nl=False)
            click.echo(f"{finding.check:<12}{finding.text}")
            if finding.todo:
                click.echo(f"{'':17}-> {finding.todo}")
    raise SystemExit(exit_code(findings))
