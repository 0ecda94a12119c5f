"""`tidemill dlq`: what was set aside, why, and what it looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.platform import platform_options

if TYPE_CHECKING:
    from tidemill.kafka.batch import Batch
    from tidemill_cli.platform import PlatformView

ROLES = ("raw_dlq", "labels_raw_dlq")
HEX_BYTES_A_LINE = 16
MOST_HEX_BYTES = 512


@click.group()
def dlq() -> None:
    """Dead letters: records that could not be read or did not meet a critical expectation, byte for byte as
    they came.

    \b
    tidemill dlq list --model flight-delay
    tidemill dlq list --model flight-delay --reason unique
    tidemill dlq show flight-delay-raw-dlq/2/117
    """


@dlq.command("list")
@click.option("--model", metavar="NAME", help="Only this model's; all by default.")
@click.option("--reason", metavar="TEXT", help="Only those whose reason contains TEXT.")
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many of the newest to show.",
)
@platform_options
def list_letters(platform: PlatformView, model: str | None, reason: str | None, rows: int) -> None:
    """Count dead letters by reason, and show the newest."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    names = [platform.model(model).name] if model else sorted(platform.models)
    counts: Counter[tuple[str, str]] = Counter()
    newest: list[tuple[int, str, str, str]] = []
    for name in names:
        for letter in _letters(platform, name):
            if reason is not None and reason.lower() not in f"{letter[2]} {letter[3]}".lower():
                continue
            counts[name, letter[2]] += 1
            newest = sorted([*newest, letter], reverse=True)[:rows] if rows else []
    if not counts:
        console.print("no dead letters")
        return
    table = Table("model", "reason", "count", box=None, pad_edge=False)
    for (name, kind), count in counts.most_common():
        table.add_row(name, kind, f"{count:,}")
    console.print(table)
    for at, place, _, message in newest:
        moment = datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%H:%M:%S")
        console.print(f"{moment}  {place}  {message}", highlight=False)


def _letters(platform: PlatformView, model: str) -> Iterator[tuple[int, str, str, str]]:
    """(time in ms, place, kind of reason, message) of each dead letter of a model."""
    from tidemill.kafka.dead_letters import parse_dead_letter
    from tidemill.kafka.scan import scan

    for role in ROLES:
        for batch in scan(platform.settings, platform.topics.name(role, model)):
            for row, headers in enumerate(batch.headers):
                found = parse_dead_letter(headers)
                kind, message = (
                    (found[3].rpartition(".")[2], found[4])
                    if found
                    else ("unknown", "no reason in its headers")
                )
                place = f"{batch.topic}/{batch.partitions[row]}/{batch.offsets[row]}"
                yield batch.timestamps_ms[row], place, kind, message


@dlq.command("show")
@click.argument("place", metavar="TOPIC/PARTITION/OFFSET")
@platform_options
def show(platform: PlatformView, place: str) -> None:
    """Show one dead letter: why it is there, where it came from, its bytes, what a decoder makes of them."""
    batch = _at(platform, place)
    value = batch.values[0]
    click.echo(f"{place}, key {_text(batch.keys[0])}, {len(value or b''):,} bytes")
    for name, content in batch.headers[0] or ():
        click.echo(f"  {name}: {_text(content)}")
    click.echo("bytes:")
    for line in hex_lines(value or b""):
        click.echo(f"  {line}")
    click.echo("decoded:")
    click.echo(f"  {_decoded(platform, batch.topic, value)}")


def _at(platform: PlatformView, place: str) -> Batch:
    from tidemill.kafka.headers import parse_origin
    from tidemill.kafka.scan import scan

    try:
        topic, partition, offset = parse_origin(place.encode())
    except ValueError as error:
        raise click.BadParameter(f"{place!r} is not TOPIC/PARTITION/OFFSET", param_hint="PLACE") from error
    start, end = {partition: offset}, {partition: offset + 1}
    for batch in scan(platform.settings, topic, partitions=[partition], start=start, end=end):
        if batch.offsets[:1] == [offset]:
            return batch
    raise click.ClickException(f"there is no record at {place}")


def _decoded(platform: PlatformView, topic: str, value: bytes | None) -> Any:
    """The record, or why it is none."""
    from tidemill.errors import DeadLetter

    role, model = platform.topics.all_topics(platform.models).get(topic, ("", None))
    if role not in ROLES or model is None:
        return "this is not a dead-letter topic of a model that is known here"
    schemas = platform.schemas
    schema = schemas.record(model) if role == "raw_dlq" else schemas.label(model)
    try:
        return platform.codec.decode_one(value, schema)
    except DeadLetter as error:
        return f"not readable: {error.reason}"


def hex_lines(value: bytes) -> list[str]:
    """A hex dump with printable characters beside it, of the first bytes."""
    lines = []
    for start in range(0, min(len(value), MOST_HEX_BYTES), HEX_BYTES_A_LINE):
        part = value[start : start + HEX_BYTES_A_LINE]
        printable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:04x}  {part.hex(' '):<{HEX_BYTES_A_LINE * 3}} {printable}")
    if len(value) > MOST_HEX_BYTES:
        lines.append(f"... {len(value) - MOST_HEX_BYTES:,} bytes more")
    return lines


def _text(value: bytes | None) -> str:
    return "none" if value is None else value.decode(errors="replace")
