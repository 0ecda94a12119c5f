"""From a file of events to a model file and its record: what can be told from the sample, with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tidemill.contracts.model_file.load import parse_model
from tidemill.contracts.model_name import MODEL_NAME
from tidemill.contracts.record_check import check_against_record
from tidemill.contracts.schemas.catalog import make_schema
from tidemill_expectations import event_suite
from tidemill_operations.errors import WrongUse
from tidemill_operations.modelling.columns import Column, fields_of, read_columns, wants_decimal_comma
from tidemill_operations.modelling.event_time import EventTime, choose_event_time
from tidemill_operations.modelling.features import Guess, guess_features
from tidemill_operations.modelling.files.model_text import Words, duration, model_text
from tidemill_operations.modelling.label import Label, read_label
from tidemill_operations.modelling.roles import Asked, Chosen, choose_entity, choose_event_id, must_be_there
from tidemill_operations.modelling.rules import rules
from tidemill_operations.modelling.sample import Sample, read_sample
from tidemill_operations.modelling.topic_source import ANY_TIMES, RECORD_TIME, Named, TopicSample, of_topic
from tidemill_operations.push.files.choices import Choices

OBSERVED_AT: Final = "observed_at"
FIRST_SHARE: Final = 0.4
LEAST_ROWS, MOST_ROWS = 200, 5_000
WINDOWS: Final = 20
"""Windows that a sample would have made, over all partitions."""


@dataclass(frozen=True, slots=True)
class NewModel:
    """`model_file` and `record`: the texts; `push`: the options that push needs for this very file; `notes`: what a
    person should look at; `example`: a first row's features, as a request for a prediction has them.
    """

    name: str
    model_file: str
    record: str
    push: tuple[str, ...]
    notes: tuple[str, ...]
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Read:
    sample: Sample
    choices: Choices
    fields: Mapping[str, str]
    columns: Mapping[str, Column]
    label: Label
    event_time: EventTime
    event_id: Chosen
    entity: Chosen


def model_name(text: str) -> str:
    """A model's name out of a file's. Raises WrongUse where nothing of it can be one."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"model-{plain}".rstrip("-")
    return plain[:100].rstrip("-")


def new_model(
    path: Path, asked: Asked, name: str, choices: Choices, first_line: str = "", topic: TopicSample | None = None
) -> NewModel:  # fmt: skip
    """The files of a model for the events in `path`. `first_line`: of the model file, for editors; `topic`: whose
    records these are, if they are not of a file: the model reads it.

    Raises UnreadableFile and ValueError where the file cannot be read, WrongUse for what must be said by a person.
    """
    if not MODEL_NAME.fullmatch(name):
        raise WrongUse(f"{name!r} is no name of a model: lower-case letters, digits and hyphens", "--name")
    if topic is not None and asked.event_time == RECORD_TIME:
        asked = replace(asked, event_time=ANY_TIMES)
    found = _read(path, asked, choices)
    columns = [column for column in found.columns.values() if column.name not in (asked.label, OBSERVED_AT)]
    roles = {"event_time": found.event_time.column, "event_id": found.event_id.column, "entity": found.entity.column}
    zone = str(found.choices.timezone or "UTC")
    guesses = guess_features({column.name: column for column in columns}, found.label, roles, zone)
    if not any(guess.kind for guess in guesses):
        why = "; ".join(f"{guess.column.name}: {guess.reason}" for guess in guesses)
        raise WrongUse(f"no column of {path.name} is a feature: there is nothing to learn from ({why})")
    record = _record(name, found, columns)
    words = _words(name, found, guesses, asked, first_line)
    text = model_text(replace(words, **of_topic(topic, _named(found), first_line)) if topic is not None else words)
    spec = parse_model(Path(f"{name}.yaml"), text)
    check_against_record(spec, make_schema(name, json.loads(record)))
    event_suite(spec)
    return NewModel(name, text, record, _push_options(found, choices), _notes(found, guesses), _example(found, guesses))


def _read(path: Path, asked: Asked, choices: Choices) -> _Read:
    sample, choices = read_sample(path, choices)
    names = sample.frame.columns
    options = (("--label", asked.label), ("--entity", asked.entity), ("--event-id", asked.event_id))
    by_steps = asked.event_time is not None and "/" in asked.event_time and asked.event_time not in names
    wanted = [*options, ("--event-time", None if by_steps else asked.event_time)]
    fields = fields_of([name for name in names if name])
    missing = [said for option, name in wanted if name and (said := must_be_there(name, option, fields))]
    if missing:
        raise WrongUse("\n".join(missing))
    if wants_decimal_comma(sample):
        choices = replace(choices, decimal_comma=True)
    label = read_label(sample, asked.label, asked.task, choices)
    free = [name for name in fields if name not in (asked.label, asked.entity, asked.event_id, OBSERVED_AT)]
    event_time = choose_event_time(sample, free, asked.event_time, label.choices)
    choices = event_time.choices
    columns = read_columns(sample, fields, choices, event_time.column)
    taken = {asked.label, OBSERVED_AT, event_time.column or ""}
    event_id = choose_event_id(columns, asked, taken)
    entity = choose_entity(columns, asked, taken, event_id.column)
    _must_be_texts(sample, choices, {"--event-id": event_id.column, "--entity": entity.column})
    return _Read(sample, choices, fields, columns, label, event_time, event_id, entity)


def _named(found: _Read) -> Named:
    return Named(
        found.fields, found.entity.column, found.event_id.column, found.event_time.column, found.choices.time_unit
    )


def _must_be_texts(sample: Sample, choices: Choices, names: Mapping[str, str | None]) -> None:
    """What identifies is text, or whole numbers, which are text by their digits."""
    for option, name in names.items():
        problem = sample.problem(name, "string", choices) if name is not None else None
        if problem is not None:
            raise WrongUse(f"the column {name!r} is no text: line {problem.line} {problem.reason}", option)


def _field(found: _Read, column: str | None, own: str) -> str:
    return own if column is None else found.fields[column]


def _record(name: str, found: _Read, columns: list[Column]) -> str:
    """The record: what identifies an event is there always, everything else may be missing."""
    time = {"type": "long", "logicalType": "timestamp-millis"}
    required: dict[str, Any] = {
        _field(found, found.event_id.column, "event_id"): "string",
        _field(found, found.event_time.column, "event_time"): time,
    }
    fields: list[dict[str, Any]] = [{"name": field, "type": kind} for field, kind in required.items()]
    for column in columns:
        if column.field in required or not column.kind:
            continue
        own = "string" if column.name == found.entity.column else time if column.kind == "time" else column.kind
        fields.append({"name": column.field, "type": ["null", own], "default": None})
    title = "".join(part.capitalize() for part in name.split("-"))
    head = {"type": "record", "name": title, "namespace": "models", "doc": f"An event of {name}."}
    lines = ",\n".join(f"    {json.dumps(field)}" for field in fields)
    body = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    return f'{{\n{body},\n  "fields": [\n{lines}\n  ]\n}}\n'


def _words(name: str, found: _Read, guesses: list[Guess], asked: Asked, first_line: str) -> Words:
    sample, rows = found.sample, len(found.sample.frame)
    part = "" if sample.whole else "the first "
    labelled = len(found.label.values) - found.label.values.null_count()
    return Words(
        head=[
            *([first_line] if first_line else []),
            f"# From {part}{rows:,} rows of {sample.path.name} by `tidemill models new`, each guess with its reason.",
            "# Change what you know better; `tidemill check` says whether all fits.",
        ],
        model=name,
        entity=(_field(found, found.entity.column, "event_id"), found.entity.reason),
        event_id=(_field(found, found.event_id.column, "event_id"), found.event_id.reason),
        event_time=(_field(found, found.event_time.column, "event_time"), found.event_time.reason),
        label=(found.fields[asked.label], "as you said"),
        task=(found.label.task, "as you said" if asked.task else found.label.reason),
        delay=_delay(found),
        features=guesses,
        rules=rules(guesses, _column(found, found.entity.column), _column(found, found.event_id.column)),
        training=_training(labelled, rows),
        window=(f"{_round(rows / WINDOWS, 200, 5_000):_}", "events of a partition: about so many make a comparison"),
    )


def _column(found: _Read, name: str | None) -> Column | None:
    return None if name is None else found.columns[name]


def _training(labelled: int, rows: int) -> list[tuple[str, str, str]]:
    first = _round(labelled * FIRST_SHARE, LEAST_ROWS, MOST_ROWS)
    few = (
        f": the sample has only {labelled:,}, so more must come"
        if first > labelled
        else f", of {labelled:,} in the sample"
    )
    found = [("first_after", f"{first:_}", f"labelled rows until the first version{few}")]
    if rows < MOST_ROWS * 4:
        found.append(("budget", "20s", "so few rows are learned from in seconds"))
    return found


def _round(number: float, least: int, most: int) -> int:
    """To one digit, within bounds."""
    whole = max(1, int(number))
    step = int(10 ** (len(str(whole)) - 1))
    return min(most, max(least, whole // step * step))


def _delay(found: _Read) -> tuple[str, str] | None:
    if OBSERVED_AT not in found.columns or found.columns[OBSERVED_AT].kind != "time" or not found.event_time.column:
        return None
    times = found.columns[found.event_time.column].values
    late = (found.columns[OBSERVED_AT].values - times).drop_nulls().sort()
    usual = late[int(len(late) * 0.9)] if len(late) else timedelta(0)
    if usual <= timedelta(0):
        return None
    return duration(usual), f"nine of ten labels of the sample are known by then (column {OBSERVED_AT})"


def _example(found: _Read, guesses: list[Guess]) -> dict[str, Any]:
    entity = found.entity.column
    columns = [guess.column for guess in guesses if guess.kind is not None or guess.column.name == entity]
    values = {
        column.field: column.values[0] for column in columns if entity != found.event_id.column or column.name != entity
    }
    return {
        name: value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if isinstance(value, datetime)
        else str(value) if entity is not None and name == found.fields[entity] else value
        for name, value in values.items()
        if value is not None
    }  # fmt: skip


def _push_options(found: _Read, given: Choices) -> tuple[str, ...]:
    """What push must be told of this file."""
    choices = found.choices
    options: list[str] = []
    for name, flag in (("delimiter", "--delimiter"), ("encoding", "--encoding"), ("date_format", "--date-format")):
        value, default = getattr(choices, name), getattr(Choices(), name)
        options += [flag, "\\t" if value == "\t" else value] if value != default else []
    options += [part for word in sorted(choices.null_words) for part in ("--null-word", word)]
    options += ["--timezone", str(choices.timezone)] if choices.timezone is not None else []
    options += ["--time-unit", choices.time_unit] if choices.time_unit else []
    for name in ("multiline", "decimal_comma", "as_text"):
        options += [f"--{name.replace('_', '-')}"] if getattr(choices, name) else []
    options += [part for name, field in found.fields.items() if name != field for part in ("--map", f"{name}={field}")]
    options += ["--event-time", found.event_time.steps] if found.event_time.steps else []
    options += ["--make-ids"] if found.event_id.column is None else []
    return tuple(options)


def _notes(found: _Read, guesses: list[Guess]) -> tuple[str, ...]:
    notes = []
    renamed = [f"{name!r} is {field}" for name, field in found.fields.items() if name != field]
    if renamed:
        notes.append(
            f"fields have other names than columns, since Avro takes only letters, digits and _: {', '.join(renamed)}"
        )
    if "" in found.sample.frame.columns:
        notes.append("a column without a name is left out: give it one if it is wanted")
    if found.sample.errors:
        first = found.sample.errors[0]
        notes.append(
            f"{len({e.line for e in found.sample.errors}):,} rows cannot be read; line {first.line}: {first.reason}"
        )
    if found.choices.timezone is not None and found.event_time.assumed_zone:
        notes.append(f"times have no offset and are taken as {found.choices.timezone}: --timezone says otherwise")
    notes += [f"{g.column.name} is no feature: {g.reason}" for g in guesses if g.doubtful and g.kind is None]
    notes += [f"{g.column.name} is a feature, though {g.reason}" for g in guesses if g.doubtful and g.kind]
    notes += [f"{g.column.name} is left out: {g.reason}" for g in guesses if g.column.kind == ""]
    return tuple(notes)
