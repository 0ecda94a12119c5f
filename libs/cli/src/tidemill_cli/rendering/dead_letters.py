"""One dead letter in full, for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tidemill.kafka.batch import Batch
    from tidemill_operations.platform import PlatformView

HEX_BYTES_A_LINE = 16
MOST_HEX_BYTES = 512


def lines_of(platform: PlatformView, place: str) -> Iterator[str]:
    """What is known of the record at `topic/partition/offset`. Raises click errors where there is none."""
    batch = _at(platform, place)
    value = batch.values[0]
    yield f"{place}, key {_text(batch.keys[0])}, {len(value or b''):,} bytes"
    for name, content in batch.headers[0] or ():
        yield f"  {name}: {_text(content)}"
    yield f"resolved: {_resolution(platform, batch) or 'no'}"
    yield "bytes:"
    yield from (f"  {line}" for line in hex_lines(value or b""))
    yield "decoded:"
    decoded = _decoded(platform, batch)
    if isinstance(decoded, str):
        yield f"  {decoded}"
    else:
        yield from (f"  {name}: {_shown(value)}" for name, value in decoded.items())


def as_dict(platform: PlatformView, place: str) -> dict[str, Any]:
    """What `lines_of` tells, for programs; the value in base64. Raises as `lines_of`."""
    from base64 import b64encode

    batch = _at(platform, place)
    value, decoded = batch.values[0], _decoded(platform, batch)
    return {
        "place": place,
        "key": None if batch.keys[0] is None else _text(batch.keys[0]),
        "headers": {name: _text(content) for name, content in batch.headers[0] or ()},
        "resolved": _resolution(platform, batch),
        "value": None if value is None else b64encode(value).decode(),
        "decoded": None if isinstance(decoded, str) else decoded,
        "unreadable": decoded if isinstance(decoded, str) else None,
    }


def _at(platform: PlatformView, place: str) -> Batch:
    from tidemill.kafka.client.scan import bounds, scan
    from tidemill.kafka.headers import parse_origin
    from tidemill_operations.reach import ensure_reachable

    try:
        topic, partition, offset = parse_origin(place.encode())
    except ValueError as error:
        raise click.BadParameter(
            f"{place!r} is not TOPIC/PARTITION/OFFSET", param_hint="TOPIC/PARTITION/OFFSET"
        ) from error
    ensure_reachable(platform.settings)
    held = bounds(platform.settings, topic)
    first, end_of = held.get(partition, (0, 0))
    if not first <= offset < end_of:
        known = (
            f"{topic} has partitions 0 to {max(held)}"
            if partition not in held
            else (
                f"that partition holds offsets {first} to {end_of - 1}" if end_of > first else "that partition is empty"
            )
        )
        raise click.ClickException(f"there is no record at {place}: {known}")
    start, end = {partition: offset}, {partition: offset + 1}
    for batch in scan(platform.settings, topic, partitions=[partition], start=start, end=end):
        if batch.offsets[:1] == [offset]:
            return batch
    raise click.ClickException(
        f"there is no record at {place}: a transaction's marker stands there, or its record was undone"
    )


def _resolution(platform: PlatformView, letter: Batch) -> str | None:
    """What was done with a dead letter: a resolution stands behind it in its partition."""
    from tidemill.kafka.client.scan import scan
    from tidemill.kafka.dead_letters import RESOLUTION, parse_resolution
    from tidemill.kafka.headers import find

    place = letter.topic, letter.partitions[0], letter.offsets[0]
    for batch in scan(platform.settings, place[0], partitions=[place[1]], start={place[1]: place[2] + 1}):
        for headers in batch.headers:
            if parse_resolution(headers) == place:
                return _text(find(headers, RESOLUTION))
    return None


def _shown(value: Any) -> str:
    return "null" if value is None else repr(value) if isinstance(value, str) else str(value)


def _decoded(platform: PlatformView, batch: Batch) -> dict[str, Any] | str:
    """The record, or why it is none."""
    role, model = platform.topics.all_topics(platform.models).get(batch.topic, ("", None))
    if model is None or not role.endswith("raw_dlq"):
        return "this is not a dead-letter topic of a model that is known here"
    from tidemill.errors import DeadLetter
    from tidemill_operations.raw_records import RawRecords

    try:
        return RawRecords(platform, model).read(role, batch, 0)
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
