"""`tidemill predict`: score a file, or the clean topic anew."""

from __future__ import annotations

from collections.abc import Callable
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
    from tidemill_operations.predict.files import FilePredictor
    from tidemill_operations.predict.parts import Parts
    from tidemill_operations.predict.version import Version
    from tidemill_operations.push.files.choices import Choices

CHUNK_ROWS = 20_000
STATES = Path("var/predict")


@click.command()
@file_argument("predict", required=False)
@click.option("--from", "start", metavar="OFFSET|TIME", help="Score the clean topic from here on, instead of a file.")
@click.option("--model", metavar="NAME", help="The model; not needed where there is only one.")
@click.option("--version", "number", type=click.IntRange(min=1), help="The version; without: the one that serves.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="CSV, JSONL or Parquet, by its ending.")
@click.option("--topic", metavar="NAME", help="A topic of yours for the predictions, with --from only.")
@click.option("--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help="A column under another name; repeatable.")
@click.option("--privacy-key-file", type=click.Path(exists=True, path_type=Path), help="Where the model file hashes.")
@click.option("--again", is_flag=True, help="Start over, although it was begun before.")
@reading_options
@json_option
@platform_options
def predict(
    platform: PlatformView, file: Path | None, start: str | None, model: str | None, number: int | None,
    out: Path | None, topic: str | None, mapped: tuple[str, ...], privacy_key_file: Path | None, again: bool,
    choices: Choices, said: Output,
) -> None:  # fmt: skip
    """Score FILE (CSV, JSONL, Parquet; read as push does), or the records of the clean topic, with a version.

    \b
    tidemill predict flights.parquet --model flight-delay
    tidemill predict --from 2026-11-01T00:00:00Z --model flight-delay --version 2 --out anew.parquet
    tidemill predict --from 0 --model flight-delay --version 2 --topic flight-delay-v2

    Rows of a file are checked as the stream checks them; every row has a line in the output, with its prediction or
    with why it has none (exit code 1 then). From the topic: all partitions, up to where they end now. Nothing of this
    is on the model's own predictions topic. Run the same command again after a break and it goes on.
    """
    from tidemill_operations.predict.version import open_version

    if (file is None) == (start is None):
        raise click.UsageError("name a FILE, or a place in the clean topic with --from")
    if topic and out:
        raise click.UsageError("--out or --topic, not both")
    if topic and file:
        raise click.UsageError("--topic goes with --from")
    spec = platform.model(model)
    version = open_version(platform, spec.name, number)
    try:
        if file is not None:
            _file(platform, spec, version, file, out, mapped, privacy_key_file, again, choices, said)
        else:
            _clean(platform, spec, version, str(start), out, topic, again, said)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _file(
    platform: PlatformView, spec: ModelSpec, version: Version, file: Path, out: Path | None,
    mapped: tuple[str, ...], key_file: Path | None, again: bool, choices: Choices, said: Output,
) -> None:  # fmt: skip
    from tidemill_operations.predict.files import score_file
    from tidemill_operations.predict.parts import Parts, forget
    from tidemill_operations.push.checkpoint import file_digest
    from tidemill_operations.push.files.reading import count_rows, read_chunks

    target = out or file.with_name(f"{file.stem}.predictions.parquet")
    if again:
        forget(target)
    digest = file_digest(file)
    predictor = _predictor(platform, spec, version, file, digest, mapped, key_file, choices)
    parts = Parts(
        target, {"file": digest, "model": spec.name, "version": version.number, "map": list(mapped)} | _said(choices)
    )
    if parts.rows:
        said.say(f"continuing behind row {parts.next:,}")
    with rows_bar(file.name, count_rows(file), int(parts.next or 0)) as advance:
        score_file(read_chunks(file, CHUNK_ROWS, choices), predictor, parts, advance)
    _conclude(parts, spec, version, said)


def _predictor(
    platform: PlatformView, spec: ModelSpec, version: Version, file: Path, digest: str, mapped: tuple[str, ...],
    key_file: Path | None, choices: Choices,
) -> FilePredictor:  # fmt: skip
    from datetime import UTC, datetime, timedelta

    from tidemill.contracts.schemas.avro_types import is_nullable
    from tidemill.rows.field_rules import FieldRules, read_privacy_key
    from tidemill_expectations import event_suite
    from tidemill_operations.predict.files import FilePredictor
    from tidemill_operations.push.files.reading import read_chunks
    from tidemill_operations.push.naming import roles_of
    from tidemill_operations.push.records import RecordMaker, RowOptions, TimeLine, parse_renames

    record = platform.schemas.record(spec.name)
    required = frozenset(f["name"] for f in record.json["fields"] if not is_nullable(f["type"]))
    now = TimeLine(datetime.now(UTC), timedelta(0))  # for a file that says no times
    roles = roles_of(spec, platform.schemas, labels=False)
    options = RowOptions(renames=parse_renames(mapped), times=now, make_ids=True, choices=choices)
    maker = RecordMaker(platform.codec, record, roles, digest, options)
    first = next(iter(read_chunks(file, 100, choices)), None)
    if first is None:
        raise click.ClickException(f"{file.name} has no rows")
    if missing := maker.missing_fields(first.frame.columns):
        raise click.ClickException(
            f"{file.name} has no column for {', '.join(missing)}; name one with --map COLUMN=FIELD"
        )
    if unknown := maker.unknown_columns(first.frame.columns):
        click.echo(f"left out, since the record has no such field: {', '.join(unknown)}", err=True)
    return FilePredictor(
        maker, version, event_suite(spec).expectations, FieldRules.normalising(spec.normalise),
        FieldRules.hiding(spec.privacy, required, read_privacy_key(key_file)), spec.event_id,
    )  # fmt: skip


def _said(choices: Choices) -> dict[str, str]:
    """What of a job depends on how its file is read; nothing where nothing was chosen."""
    from tidemill_operations.push.files.choices import Choices as Default

    return {} if choices == Default() else {"reading": str(choices)}


def _clean(
    platform: PlatformView, spec: ModelSpec, version: Version, start: str, out: Path | None, topic: str | None,
    again: bool, said: Output,
) -> None:  # fmt: skip
    from tidemill.kafka.client.scan import bounds, scan
    from tidemill_operations.predict.parts import Parts, forget
    from tidemill_operations.predict.topics import PredictionTopic, Sink, TopicPredictor, TopicSink, score_topic

    clean = platform.topics.name("clean", spec.name)
    if topic is not None:
        _refuse_own(platform, topic)
    target = out or (STATES / f"{spec.name}-{version.number}-{topic}.parquet" if topic else None)
    if target is None:
        raise click.UsageError("where to? say --out FILE or --topic NAME")
    if again:
        forget(target)
    job = {"from": start, "model": spec.name, "version": version.number, "topic": topic, "input": clean}
    parts = Parts(target, job | {"cluster": platform.settings.kafka_bootstrap})
    predictor = TopicPredictor(spec, platform.schemas.record(spec.name), platform.codec, version)
    begun = parts.next
    if begun is None:
        begun = _first_positions(bounds(platform.settings, clean, **_place(start)), start)
        begun |= {"end": {str(n): high for n, (_, high) in bounds(platform.settings, clean).items()}}
    end = {int(n): offset for n, offset in begun["end"].items()}
    first = {int(n): offset for n, offset in begun.items() if n != "end"}
    sink: Sink = parts
    if topic is not None:
        schema = platform.schemas.prediction(spec.name)
        onto = PredictionTopic(
            publish=_publisher(platform), topic=topic, codec=platform.codec, schema=schema, model=spec.name
        )
        sink = TopicSink(onto, version, parts)
    left = sum(max(0, end[n] - first.get(n, 0)) for n in end)
    batches = scan(platform.settings, clean, start=first, end=end, batch_size=CHUNK_ROWS)
    done = parts.rows
    with rows_bar(clean, left + done, done) as advance:

        def more(rows: int) -> None:
            nonlocal done
            done += rows
            advance(done)

        score_topic(batches, predictor, sink, begun, more)
    if topic is None:
        _conclude(parts, spec, version, said)
        return
    said.say(f"{parts.rows:,} predictions by version {version.number} stored on {topic}")
    said.tell(_told(spec, version, parts.rows, parts.errors, topic=topic))
    forget(target)


def _place(start: str) -> dict[str, Any]:
    from datetime import UTC, datetime

    if start.isdigit():
        return {}
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise click.BadParameter(f"{start!r} is neither an offset nor a time", param_hint="--from") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return {"since_ms": int(moment.timestamp() * 1_000)}


def _first_positions(found: dict[int, tuple[int, int]], start: str) -> dict[str, Any]:
    lowest = int(start) if start.isdigit() else 0
    return {str(n): max(low, lowest) for n, (low, _) in found.items()}


def _refuse_own(platform: PlatformView, topic: str) -> None:
    """A prediction made anew is not one that somebody was given: it has no place among those."""
    own = set(platform.topics.platform_topics().values())
    own |= {name for model in platform.models for name in platform.topics.model_topics(model).values()}
    if topic in own:
        raise click.BadParameter(f"{topic} is the platform's own: name a topic of yours", param_hint="--topic")


def _publisher(platform: PlatformView) -> Callable[[str, list[bytes], list[bytes], list[int]], None]:
    from tidemill.kafka.batch import Output
    from tidemill.kafka.client.publisher import Publisher

    publisher = Publisher(platform.settings, name="predict")

    def publish(topic: str, keys: list[bytes], values: list[bytes], partitions: list[int]) -> None:
        publisher.publish_all([Output(topic, values, keys, partitions)])

    return publish


def _conclude(parts: Parts, spec: ModelSpec, version: Version, said: Output) -> None:
    rows, errors = parts.rows, parts.errors
    parts.finish()
    said.say(f"{rows:,} rows by version {version.number} in {parts.target}")
    said.tell(_told(spec, version, rows, errors, file=str(parts.target)))
    if errors:
        raise click.ClickException(f"{errors:,} of them have no prediction: the column error says why")


def _told(
    spec: ModelSpec, version: Version, rows: int, errors: int, *, file: str | None = None, topic: str | None = None
) -> dict[str, Any]:
    """For programs: `errors` of the rows have no prediction."""
    return {
        "model": spec.name,
        "version": version.number,
        "rows": rows,
        "without_prediction": errors,
        "file": file,
        "topic": topic,
    }
