"""`tidemill check`: is what a project says right? Without Kafka, in seconds."""

from __future__ import annotations

import json
import sys

import click

from tidemill_cli.platform_options import shown_errors


@click.command()
@click.option("--record", is_flag=True, help="If all is right, keep the records' schemas for good: they are in use.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(record: bool, as_json: bool) -> None:
    """Model files, records, expectations, schema history, topics and tidemill.yaml: all mistakes at once, each with
    file, line, column and what to do. Needs no Kafka. Exit code 1 where something is wrong.

    \b
    tidemill check             in CI, and before each start
    tidemill check --record    before records are sent from elsewhere than here

    --record writes each record's schema into its history. From then on a change must be able to read it; until then,
    and until the first push, a draft that no record was sent with binds nobody.
    """
    from tidemill_operations.project.check import check_project
    from tidemill_operations.project.recording import record_all

    with shown_errors():
        found = check_project(recording=record)
        recorded = record_all(found.settings) if record and not found.problems and found.settings else []
    if as_json:
        problems = [problem.as_dict() for problem in found.problems]
        said = {"models": found.models, "problems": problems, "recorded": [str(path) for path in recorded]}
        click.echo(json.dumps(said, indent=2))
    else:
        for path in recorded:
            click.echo(f"recorded {path}")
        for problem in found.problems:
            click.echo(str(problem), err=True)
        if not found.problems:
            click.echo(f"all is right: {', '.join(found.models) or 'no model yet'}")
    if found.problems:
        if not as_json:
            count = len(found.problems)
            click.echo(f"{count} {'thing is' if count == 1 else 'things are'} wrong", err=True)
        sys.exit(1)
