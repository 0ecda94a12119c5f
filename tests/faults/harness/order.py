"""Order by key: what was made of an entity's records stands in the order in which the entity's records came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tidemill.kafka.client.scan import scan
from tidemill.kafka.headers import ORIGIN, find, parse_origin

if TYPE_CHECKING:
    from tests.faults.harness.world import World

Position = tuple[int, int]
"""Partition and offset."""

Step = tuple[bytes | None, Position, Position]
"""A result's key, where it stands, and where the record stands that it was made of."""


def order_by_key(world: World) -> dict[str, int]:
    """Figures: keys on raw, and by topic of results how many records stand before one that came earlier, on another
    partition than the others of their key, or under another key than their source. Reads keys, not the ledger.
    """
    raw = {position: key for key, position in _keys(world, "raw")}
    clean, disorder = follow(_clean(world), raw)
    _, later = follow(_predictions(world), clean)
    return {"keys": len(set(raw.values())), "out_of_order_in_clean": disorder, "out_of_order_in_predictions": later}


def follow(steps: Iterable[Step], sources: dict[Position, bytes | None]) -> tuple[dict[Position, bytes | None], int]:
    """Keys of results by position, and how many results break the order of their key."""
    keys: dict[Position, bytes | None] = {}
    last: dict[bytes | None, tuple[int, Position]] = {}
    wrong = 0
    for key, here, source in steps:
        keys[here] = key
        before = last.get(key, (here[0], (source[0], -1)))
        in_order = before[0] == here[0] and before[1][0] == source[0] and before[1][1] < source[1]
        wrong += not (in_order and key is not None and sources.get(source) == key)
        last[key] = here[0], source
    return keys, wrong


def _keys(world: World, role: str) -> Iterator[tuple[bytes | None, Position]]:
    for batch in scan(world.settings, world.topic(role)):
        yield from zip(batch.keys, zip(batch.partitions, batch.offsets, strict=True), strict=True)


def _clean(world: World) -> Iterator[Step]:
    for batch in scan(world.settings, world.topic("clean")):
        for key, partition, offset, headers in zip(
            batch.keys, batch.partitions, batch.offsets, batch.headers, strict=True
        ):
            _, number, at = parse_origin(find(headers, ORIGIN) or b"")
            yield key, (partition, offset), (number, at)


def _predictions(world: World) -> Iterator[Step]:
    view = world.view
    schema = view.schemas.prediction(world.model)
    for batch in scan(world.settings, world.topic("predictions")):
        rows = view.codec.decode(batch.values, schema).rows
        sources = zip(*(rows.column(f"input_{name}").to_pylist() for name in ("partition", "offset")), strict=True)
        yield from zip(batch.keys, zip(batch.partitions, batch.offsets, strict=True), sources, strict=True)
