"""`tidemill push`: a file of events or labels to a model's topic."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.commands.data.reading_options import reading_options
from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.push.checkpoint import Progress
    from tidemill_operations.push.files.choices import Choices
    from tidemill_operations.push.naming import Roles
    from tidemill_operations.push.records import RecordMaker

CHUNK_ROWS = 5_000
CHECKPOINTS = Path("var/push")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", metavar="NAME", help="Model whose events these are; needless where there is only one.")
@click.option(
    "--labels",
    is_flag=True,
    help="FILE holds labels: event_id, label, event_time, observed_at, and the entity, which is their key.",
)
@click.option("--make-ids", is_flag=True, help="Rows without event id get one made of the file and the line.")
@click.option("--no-entity", is_flag=True, help="Labels whose events have no entity are keyed by their event ids.")
@click.option("--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help="A column under another name; repeatable.")
@click.option(
    "--event-time",
    "times",
    metavar="START/STEP",
    help="Times for a file that has none: row i gets START + i STEP.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="ROWS",
    help="At most so many rows a second.",
)
@click.option("--again", is_flag=True, help="Push from the beginning, although it was pushed before.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where rows with errors are listed.")
@reading_options
@platform_options
def push(
    platform: PlatformView, file: Path, model: str | None, labels: bool, mapped: tuple[str, ...],
    times: str | None, rate: float | None, again: bool, report: Path | None, make_ids: bool, no_entity: bool,
    choices: Choices,
) -> None:  # fmt: skip
    """Send FILE (CSV, JSONL or Parquet; text also as .gz or .zst) to a model's raw topic, or its labels.

    \b
    tidemill push flights.parquet --model flight-delay
    tidemill push outcomes.csv --model flight-delay --labels
    tidemill push churn.csv --model telecom-churn --make-ids --event-time 2024-01-01T00:00:00Z/10m
    tidemill push churn.csv --model telecom-churn --labels --make-ids --no-entity \\
        --event-time 2024-01-01T00:00:00Z/10m

    docs/values.md says what a value may look like, and how to say what a file does not: a zone, a unit, null words.
    Columns are matched to the record's fields by name, the model file's own names for a label's fields included;
    others are left out and said. Values are converted
    strictly: a row that does not fit is listed with its line in a report and not sent, and the exit code is
    then 1. A file without event ids is refused unless --make-ids says to make them of the file and the line; a file
    of labels without the entity of their events too, unless --no-entity says that they have none.

    The push is resumable: run the same command again after Ctrl-C or a failure and it continues behind the
    last acknowledged rows.
    """
    from tidemill_operations.push.checkpoint import Checkpoint, file_digest
    from tidemill_operations.push.files.reading import UnreadableFile, count_rows, read_chunks
    from tidemill_operations.push.naming import roles_of
    from tidemill_operations.push.run import ErrorReport, Throttle
    from tidemill_operations.push.run import push as run
    from tidemill_operations.push.sending import Sender
    from tidemill_operations.push.tracing import tracing_of

    spec = platform.model(model)
    digest = file_digest(file)
    role = "labels_raw" if labels else "raw"
    topic = platform.topics.name(role, spec.name)
    if platform.topics.is_external(role, spec.name):
        raise click.UsageError(
            f"the {'labels' if labels else 'events'} of {spec.name} come from its source {topic}: produce them there"
        )
    checkpoint = Checkpoint(CHECKPOINTS, digest, topic, platform.settings.kafka_bootstrap)
    if again:
        checkpoint.forget()
    try:
        roles = roles_of(spec, platform.schemas, labels=labels)
        if no_entity and not (labels and roles.entity_nullable):
            raise click.UsageError(_no_use_of_no_entity(roles))
        ids = {"make_ids": make_ids, "need_entity": not no_entity}
        maker = _maker(platform, spec, digest, roles, mapped, times, choices, **ids)
        _check_columns(file, maker, roles, partial(read_chunks, choices=choices))
        before = checkpoint.load()
        if before.done:
            click.echo(f"{file.name} was pushed to {topic} before: {before.sent:,} rows. --again pushes it again.")
            return
        errors = ErrorReport(report or CHECKPOINTS / f"{file.stem}-{digest[:8]}.errors.jsonl", fresh=not before.rows)
        if before.rows:
            click.echo(f"continuing behind row {before.rows:,}")
        sender = Sender(platform.settings, "push")
        bar = _progress_bar(file.name, count_rows(file), before.rows)
        traced = tracing_of(platform.settings, file.name, topic)
        with bar as advanced, traced as tracing:
            chunks, how = read_chunks(file, CHUNK_ROWS, choices), f"{choices} {mapped} {times}"
            done = run(chunks, maker, sender, topic, checkpoint, errors, Throttle(rate), tracing, advanced, how)
    except (UnreadableFile, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if warning := maker.in_1970.warning():
        click.echo(warning, err=True)
    _conclude(done, topic, errors.path)


def _maker(
    platform: PlatformView, spec: ModelSpec, digest: str, roles: Roles, mapped: tuple[str, ...],
    times: str | None, choices: Choices, *, make_ids: bool, need_entity: bool,
) -> RecordMaker:  # fmt: skip
    from tidemill_operations.push.records import RecordMaker, RowOptions, TimeLine, parse_renames

    schema = platform.schemas.label(spec.name) if roles.labels else platform.schemas.record(spec.name)
    line = TimeLine.parse(times) if times else None
    options = RowOptions(
        renames=parse_renames(mapped), times=line, make_ids=make_ids, need_entity=need_entity, choices=choices
    )
    return RecordMaker(platform.codec, schema, roles, digest, options)


def _no_use_of_no_entity(roles: Roles) -> str:
    if not roles.labels:
        return "--no-entity is for labels: an event without an entity is one whose field is empty"
    return f"--no-entity: every event of this model has its {roles.entity}, so each label needs it"


def _check_columns(file: Path, maker: RecordMaker, roles: Roles, read_chunks: Any) -> None:
    from tidemill_operations.push.naming import listed, no_entity, no_id

    columns = _columns(file, read_chunks)
    if columns is None:
        return  # no row of the file can be read, and each will be told
    if maker.lacks_id(columns):
        raise click.ClickException(no_id(file.name, columns, roles))
    if maker.lacks_entity(columns):
        raise click.ClickException(no_entity(file.name, columns, roles))
    if missing := maker.missing_fields(columns):
        raise click.ClickException(
            f"{file.name} has no column for {', '.join(missing)}. It has: {listed(columns)}. "
            "Name one with --map COLUMN=FIELD; times can be made with --event-time START/STEP."
        )
    if unknown := maker.unknown_columns(columns):
        click.echo(f"left out, since the record has no such field: {listed(unknown)}", err=True)


def _columns(file: Path, read_chunks: Any) -> list[str] | None:
    """The columns of the first rows that can be read; None where none can. Raises ClickException for an empty file."""
    chunk = None
    for chunk in read_chunks(file, 100):
        if chunk.frame.columns:
            return list(chunk.frame.columns)
    if chunk is None or not chunk.errors:
        raise click.ClickException(f"{file.name} has no rows")
    return None


def _progress_bar(name: str, rows: int, done: int) -> Any:
    """A context that gives the function to call after each chunk; silent where there is no terminal."""
    import sys

    if not sys.stderr.isatty():
        return nullcontext(lambda progress: None)
    from contextlib import contextmanager

    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from tidemill_cli.rendering.terminal import progress_console

    @contextmanager
    def bar() -> Any:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=progress_console()) as shown:
            task = shown.add_task(name, total=rows, completed=done)
            yield lambda progress: shown.update(task, completed=progress.rows)

    return bar()


def _conclude(done: Progress, topic: str, report: Path) -> None:
    click.echo(f"{done.sent:,} rows stored on {topic}")
    if done.errors:
        raise click.ClickException(f"{done.errors:,} rows were not sent: see {report}")
