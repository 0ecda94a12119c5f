"""`tidemill push`: a file of events or labels to a model's topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.commands.data.file_argument import file_argument
from tidemill_cli.commands.data.reading_options import reading_options
from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_cli.rendering.progress import rows_bar

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.push.files.choices import Choices
    from tidemill_operations.push.files.reading import Chunk
    from tidemill_operations.push.naming import Roles
    from tidemill_operations.push.records import RecordMaker
    from tidemill_operations.push.with_labels import LabelChunks

CHUNK_ROWS = 5_000
CHECKPOINTS = Path("var/push")


@click.command()
@file_argument("push")
@click.option("--model", metavar="NAME", help="Model whose events these are; not needed where there is only one.")
@click.option(
    "--labels",
    is_flag=True,
    help="FILE holds labels: event_id, label, event_time, observed_at, and the entity, which is their key.",
)
@click.option("--with-labels", is_flag=True, help="FILE has the label of each event too: send both, events first.")
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
@json_option
@platform_options
def push(
    platform: PlatformView, file: Path, model: str | None, labels: bool, mapped: tuple[str, ...],
    times: str | None, rate: float | None, again: bool, report: Path | None, make_ids: bool, no_entity: bool,
    with_labels: bool, choices: Choices, said: Output,
) -> None:  # fmt: skip
    """Send FILE (CSV, JSONL or Parquet; text also as .gz or .zst) to a model's raw topic, or its labels.

    \b
    tidemill push flights.parquet --model flight-delay
    tidemill push orders.csv --model orders --with-labels
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

    With --with-labels the label of a row is taken from the column `target.label`, when it became known from the column
    observed_at; without one it is the event's time and `target.delay`. Rows without a label send their event alone.

    The push is resumable: run the same command again after Ctrl-C or a failure and it continues behind the
    last acknowledged rows.
    """
    from tidemill_operations.push.checkpoint import file_digest
    from tidemill_operations.push.files.reading import UnreadableFile
    from tidemill_operations.push.naming import roles_of

    if labels and with_labels:
        raise click.UsageError("--labels is for a file of labels alone, --with-labels for one with their events")
    spec = platform.model(model)
    own = ["labels_raw"] if labels else ["raw", "labels_raw"] if with_labels else ["raw"]
    for role in own:
        _must_be_ours(platform, role, spec)
    sending = _Sending(
        platform, spec, file, file_digest(file), mapped, times, rate, again, report, choices, own[0], said
    )
    try:
        roles = roles_of(spec, platform.schemas, labels=labels)
        if no_entity and not (labels and roles.entity_nullable):
            raise click.UsageError(_no_use_of_no_entity(roles))
        maker = _maker(sending, roles, make_ids=make_ids, need_entity=not no_entity)
        beside = _labels_beside(sending, roles, make_ids=make_ids) if with_labels else None
        left_out = _check_columns(file, maker, roles, partial(_chunks, choices=choices), beside)
        wrong = _send(sending, own[0], maker, lambda chunks: chunks)
        if beside is not None:
            said.say(beside.columns.told(spec.target.delay))
            label_roles = roles_of(spec, platform.schemas, labels=True)
            label_maker = _maker(
                replace(sending, mapped=(), times=None), label_roles, make_ids=False, need_entity=False
            )
            wrong += _send(sending, own[1], label_maker, beside.of)
            if beside.unlabelled:
                said.say(f"{beside.unlabelled:,} rows have no label yet")
    except (UnreadableFile, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if warning := maker.in_1970.warning():
        click.echo(warning, err=True)
    unlabelled = None if beside is None else beside.unlabelled
    said.tell(
        {
            "file": str(file),
            "model": spec.name,
            "stored": sending.stored,
            "left_out": left_out,
            "unlabelled": unlabelled,
        }
    )
    if wrong:
        raise click.ClickException("\n".join(wrong))


@dataclass(frozen=True, slots=True)
class _Sending:
    """What is sent, and how it is read. `stored`: what became of it by topic."""

    platform: PlatformView
    spec: ModelSpec
    file: Path
    digest: str
    mapped: tuple[str, ...]
    times: str | None
    rate: float | None
    again: bool
    report: Path | None
    choices: Choices
    first: str
    said: Output
    stored: list[dict[str, Any]] = field(default_factory=list)

    def errors_of(self, role: str) -> Path:
        """Where rows that are not sent are listed; those of labels beside their events apart."""
        labels = "" if role == self.first else ".labels"
        return CHECKPOINTS / f"{self.file.stem}-{self.digest[:8]}{labels}.errors.jsonl"


def _must_be_ours(platform: PlatformView, role: str, spec: ModelSpec) -> None:
    if platform.topics.is_external(role, spec.name):
        what, topic = "labels" if role == "labels_raw" else "events", platform.topics.name(role, spec.name)
        raise click.UsageError(f"the {what} of {spec.name} come from its source {topic}: produce them there")


def _chunks(file: Path, size: int, choices: Choices) -> Iterator[Chunk]:
    from tidemill_operations.push.files.reading import read_chunks

    return read_chunks(file, size, choices)


def _send(
    sending: _Sending, role: str, maker: RecordMaker, part: Callable[[Iterator[Chunk]], Iterator[Chunk]]
) -> list[str]:
    """Sends what is not settled yet; what is to be said of rows that were not sent."""
    from tidemill_operations.push.checkpoint import Checkpoint
    from tidemill_operations.push.files.reading import count_rows
    from tidemill_operations.push.run import ErrorReport, Throttle
    from tidemill_operations.push.run import push as run
    from tidemill_operations.push.sending import Sender
    from tidemill_operations.push.sent_schemas import keep_for_good
    from tidemill_operations.push.tracing import tracing_of

    platform, file = sending.platform, sending.file
    topic = platform.topics.name(role, sending.spec.name)
    checkpoint = Checkpoint(CHECKPOINTS, sending.digest, topic, platform.settings.kafka_bootstrap)
    if sending.again:
        checkpoint.forget()
    before = checkpoint.load()
    if before.done:
        sending.said.say(f"{file.name} was pushed to {topic} before: {before.sent:,} rows. --again pushes it again.")
        sending.stored.append({"topic": topic, "rows": before.sent, "before": True, "wrong": 0, "report": None})
        return []
    errors = ErrorReport(
        sending.report or sending.errors_of(role),
        fresh=not before.rows and (role == sending.first or sending.report is None),
    )
    if before.rows:
        sending.said.say(f"continuing behind row {before.rows:,}")
    sender = Sender(platform.settings, "push")
    bar = rows_bar(file.name, count_rows(file), before.rows)
    traced = tracing_of(platform.settings, file.name, topic)
    chunks, how = _chunks(file, CHUNK_ROWS, sending.choices), f"{sending.choices} {sending.mapped} {sending.times}"
    with bar as advance, traced as tracing:
        throttle = Throttle(sending.rate)
        done = run(
            part(chunks), maker, sender, topic, checkpoint, errors, throttle, tracing, lambda at: advance(at.rows), how
        )
    if role == "raw" and done.sent:
        keep_for_good(platform, sending.spec)
    sending.said.say(f"{done.sent:,} rows stored on {topic}")
    report = str(errors.path) if done.errors else None
    sending.stored.append({"topic": topic, "rows": done.sent, "before": False, "wrong": done.errors, "report": report})
    return [f"{done.errors:,} rows were not sent: see {errors.path}"] if done.errors else []


def _labels_beside(sending: _Sending, roles: Roles, *, make_ids: bool) -> LabelChunks:
    """The labels of a file of events. Raises ValueError where it has none."""
    from tidemill_operations.push.records import parse_renames
    from tidemill_operations.push.with_labels import LabelChunks, label_columns

    names = _columns(sending.file, partial(_chunks, choices=sending.choices)) or []
    columns = label_columns(names, parse_renames(sending.mapped), sending.spec)
    events = _maker(sending, roles, make_ids=make_ids, need_entity=True)
    return LabelChunks(events, sending.spec, columns, sending.choices)


def _maker(sending: _Sending, roles: Roles, *, make_ids: bool, need_entity: bool) -> RecordMaker:
    from tidemill_operations.push.records import RecordMaker, RowOptions, TimeLine, parse_renames

    platform, name = sending.platform, sending.spec.name
    schema = platform.schemas.label(name) if roles.labels else platform.schemas.record(name)
    line = TimeLine.parse(sending.times) if sending.times else None
    renames, choices = parse_renames(sending.mapped), sending.choices
    options = RowOptions(renames=renames, times=line, make_ids=make_ids, need_entity=need_entity, choices=choices)
    return RecordMaker(platform.codec, schema, roles, sending.digest, options)


def _no_use_of_no_entity(roles: Roles) -> str:
    if not roles.labels:
        return "--no-entity is for labels: an event without an entity is one whose field is empty"
    return f"--no-entity: every event of this model has its {roles.entity}, so each label needs it"


def _check_columns(
    file: Path, maker: RecordMaker, roles: Roles, read_chunks: Any, beside: LabelChunks | None
) -> list[str]:  # fmt: skip
    """The columns that are left out. Raises ClickException where one is missing."""
    from tidemill_operations.push.naming import listed, no_entity, no_id

    columns = _columns(file, read_chunks)
    if columns is None:
        return []  # no row of the file can be read, and each will be told
    if maker.lacks_id(columns):
        raise click.ClickException(no_id(file.name, columns, roles))
    if maker.lacks_entity(columns):
        raise click.ClickException(no_entity(file.name, columns, roles))
    if missing := maker.missing_fields(columns):
        raise click.ClickException(
            f"{file.name} has no column for {', '.join(missing)}. It has: {listed(columns)}. "
            "Name one with --map COLUMN=FIELD; times can be made with --event-time START/STEP."
        )
    taken = {beside.columns.label, beside.columns.observed_at} if beside is not None else set()
    if unknown := [name for name in maker.unknown_columns(columns) if name not in taken]:
        click.echo(f"left out, since the record has no such field: {listed(unknown)}", err=True)
    return unknown


def _columns(file: Path, read_chunks: Any) -> list[str] | None:
    """The columns of the first rows that can be read; None where none can. Raises ClickException for an empty file."""
    chunk = None
    for chunk in read_chunks(file, 100):
        if chunk.frame.columns:
            return list(chunk.frame.columns)
    if chunk is None or not chunk.errors:
        raise click.ClickException(f"{file.name} has no rows")
    return None
