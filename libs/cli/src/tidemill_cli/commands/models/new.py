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
    from tidemill.settings import CommonSettings
    from tidemill_operations.modelling.new_model import NewModel
    from tidemill_operations.modelling.topic_sample import TopicSample
    from tidemill_operations.platform import PlatformView
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
@click.option("--from", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              metavar="FILE", help="Events (CSV, JSONL, Parquet) with their labels.")  # fmt: skip
@click.option(
    "--topic", metavar="NAME", help="A topic of yours with such events (JSON, or Avro with a registry), instead."
)
@click.option("--bootstrap", metavar="HOST:PORT", help="With --topic: Kafka of another platform than the one here.")
@sample_options
@click.option("--name", help="The model's name; without: the file's, or the topic's.")
@click.option("--force", is_flag=True, help="Write anew what is there.")
@json_option
@reading_options
def new(
    source: Path | None, topic: str | None, bootstrap: str | None, name: str | None, force: bool, said: Output,
    choices: Choices, **asked: Any,
) -> None:  # fmt: skip
    """Write a model file and its record from a sample of events. A platform that runs here takes them up by itself.

    \b
    tidemill models new --from loans.csv --label defaulted
    tidemill models new --from orders.csv --label fraud --entity customer --name order-fraud
    tidemill models new --topic shop.orders --label fraud

    Types, times, entity, event id, task, features, expectations and sizes are told from the first 50,000 rows, each
    with its reason as a comment. What knows the label, or is known only afterwards, is no feature. What cannot be told
    is asked for by the option that says it. Nothing that is there is replaced without --force.

    With --topic the newest records are the sample: they are read without a group, nothing is written or committed, and
    the model reads that topic from then on (`source`, docs/sources.md); --event-time record takes a record's own time.
    """
    from tidemill_operations.modelling.files.writing import as_dict, editors_line, write_model
    from tidemill_operations.platform import find_platform

    if (source is None) == (topic is None):
        raise click.UsageError("say --from FILE or --topic NAME")
    if bootstrap is not None and topic is None:
        raise click.UsageError("--bootstrap goes with --topic")
    with shown_errors():
        settings = find_platform(bootstrap, needed=topic is not None).settings
        folders = settings.models_dir, settings.schemas
        if source is not None:
            made = model_of(source, asked, name, choices, editors_line(*folders))
        else:
            made = _of_topic(settings, str(topic), asked, name, choices, editors_line(*folders))
        files = write_model(made, *folders, force=force)
    show_made(made, files, said)
    said.say(_next(made, source, files[0], find_platform(needed=False), *folders))
    said.tell(as_dict(made, files))


def _next(
    made: NewModel, source: Path | None, file: Path, here: PlatformView, models_dir: Path, schemas: Path
) -> str:  # fmt: skip
    """What a person does next; `here`: the platform that runs on this machine, if one does."""
    from tidemill_operations.project.follows import kept_to, runs_here

    labels = f"say in {file} where labels come from (target.source), or push them"
    begin = "tidemill up"
    if runs_here(here, models_dir, schemas):
        told = kept_to(here)
        if not told or made.name in told:
            taken = f"the platform that runs here takes {made.name} up by itself; `tidemill status` says if it does not"
            return f"{taken}\nnext: {labels if source is None else push_command(made, source)}"
        begin = f"end the platform that runs here, which was told to run {', '.join(told)} alone; tidemill up"
    if source is None:
        return f"next: {labels}; then: {begin}"
    return f"next: {begin}, then: {push_command(made, source)}"


def _of_topic(
    settings: CommonSettings, topic: str, asked: dict[str, Any], name: str | None, choices: Choices, first_line: str
) -> NewModel:  # fmt: skip
    """The model of a topic. Raises as `model_of`."""
    from tempfile import TemporaryDirectory

    from tidemill_cli.rendering.progress import spinner
    from tidemill_operations.modelling.topic_sample import sample_topic
    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(settings)
    with TemporaryDirectory(prefix="tidemill-") as folder:
        with spinner(f"reading the newest records of {topic}"):
            sample = sample_topic(settings, topic, Path(folder))
        if sample.unreadable:
            told = f"note: {sample.unreadable:,} of the newest records cannot be read, the first one: {sample.problem}"
            click.secho(told, fg="yellow", err=True)
        return model_of(sample.file, asked, name, choices, first_line, sample)


def model_of(
    source: Path, asked: dict[str, Any], name: str | None, choices: Choices, first_line: str,
    topic: TopicSample | None = None,
) -> NewModel:  # fmt: skip
    """The model of a file; `topic`: whose records it holds. Raises what operations raise, and ClickException for the
    file and what is not asked for.
    """
    from tidemill_operations.modelling.new_model import model_name, new_model
    from tidemill_operations.modelling.roles import Asked
    from tidemill_operations.push.files.lines import UnreadableFile

    if not asked["label"]:
        raise click.UsageError(f"what is to be predicted? Say --label COLUMN{_columns_of(source, choices)}")
    try:
        called = name or model_name(topic.topic if topic is not None else source.name.partition(".")[0])
        return new_model(source, Asked(**asked), called, choices, first_line, topic)
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
