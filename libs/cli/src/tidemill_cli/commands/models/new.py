"""`tidemill models new`: a model file and its record from a sample of events."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.commands.data.reading_options import reading_options
from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import shown_errors

if TYPE_CHECKING:
    from tidemill_operations.modelling.new_model import NewModel
    from tidemill_operations.push.files.choices import Choices

_OPTIONS = (
    click.option("--label", metavar="COLUMN", help="What is to be predicted."),
    click.option("--entity", metavar="COLUMN", help="Whose events they are: their order is kept for each."),
    click.option("--event-id", metavar="COLUMN", help="What names an event; no two have the same."),
    click.option("--event-time", metavar="COLUMN", help="When the event was; START/STEP for a file without times."),
    click.option("--task", type=click.Choice(("binary", "multiclass", "regression")), help="What the label is."),
)  # fmt: skip


def sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what a sample cannot."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("new")
@click.option("--from", "source", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              metavar="FILE", help="Events (CSV, JSONL, Parquet) with their labels.")  # fmt: skip
@sample_options
@click.option("--name", help="The model's name; without: the file's.")
@click.option("--force", is_flag=True, help="Write anew what is there.")
@json_option
@reading_options
def new(source: Path, name: str | None, force: bool, said: Output, choices: Choices, **asked: Any) -> None:
    """Write a model file and its record from a sample of events.

    \b
    tidemill models new --from loans.csv --label defaulted
    tidemill models new --from orders.csv --label fraud --entity customer --name order-fraud

    Types, times, entity, event id, task, features, expectations and sizes are told from the first 50,000 rows, each
    with its reason as a comment. What knows the label, or is known only afterwards, is no feature. What cannot be told
    is asked for by the option that says it. Nothing that is there is replaced without --force.
    """
    from tidemill_operations.modelling.files.writing import as_dict, editors_line, write_model
    from tidemill_operations.platform import find_platform

    with shown_errors():
        settings = find_platform(needed=False).settings
        folders = settings.models_dir, settings.schemas
        made = model_of(source, asked, name, choices, editors_line(*folders))
        files = write_model(made, *folders, force=force)
    show_made(made, files, said)
    said.say(f"next: tidemill up, then: {push_command(made, source)}")
    said.tell(as_dict(made, files))


def model_of(source: Path, asked: dict[str, Any], name: str | None, choices: Choices, first_line: str) -> NewModel:
    """The model of a file. Raises what operations raise, and ClickException for the file and what is not asked for."""
    from tidemill_operations.modelling.new_model import model_name, new_model
    from tidemill_operations.modelling.roles import Asked
    from tidemill_operations.push.files.lines import UnreadableFile

    if not asked["label"]:
        raise click.UsageError(f"what is to be predicted? Say --label COLUMN{_columns_of(source, choices)}")
    try:
        called = name or model_name(source.name.partition(".")[0])
        return new_model(source, Asked(**asked), called, choices, first_line)
    except (UnreadableFile, ValueError) as error:
        raise click.ClickException(str(error)) from error


def show_made(made: NewModel, files: list[Path], said: Output) -> None:
    """What was written, and what a person should look at."""
    for path in files:
        said.say(f"wrote {path}")
    for note in made.notes:
        said.say(f"note: {note}", fg="yellow")


def push_command(made: NewModel, source: Path) -> str:
    """The command that sends the sample's file, events and labels."""
    return shlex.join(["tidemill", "push", str(source), "--model", made.name, "--with-labels", *made.push])


def _columns_of(source: Path, choices: Choices) -> str:
    from tidemill_operations.modelling.sample import read_sample
    from tidemill_operations.push.files.reading import UnreadableFile
    from tidemill_operations.push.naming import listed

    try:
        sample, _ = read_sample(source, choices, 5_000)
    except UnreadableFile:
        return ""
    return f"; {source.name} has {listed(sample.frame.columns)}"
