"""What a soak left behind, held against what it was given: nothing lost, nothing double, nothing left to do."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import httpx
from confluent_kafka import KafkaException
from deltalake import DeltaTable

from tests.faults.harness.world import MODEL, World
from tests.faults.soak.load import Mixed
from tests.faults.soak.platform import Platform
from tests.support.polling import until
from tidemill.errors import RetryLater
from tidemill.kafka.client.scan import scan
from tidemill_learning.data_set.table_rows import EVENT, LABELLED
from tidemill_operations.standing import groups
from tidemill_operations.standing.lag import Offsets

DRAIN_S = 60.0
WORK = {groups.VALIDATOR: ("raw", "labels_raw"), groups.STREAM: ("clean",)}
"""What each group reads and commits."""
READERS = ("profile", "trainer")
"""Their offsets do not stand in Kafka, or only what open windows need does: they tell how far behind they are.
*detect* commits its checkpoints, and tells nothing.
"""
FLOW = 500
"""Records that a reader may be behind while more come: some seconds of the load."""
Place = tuple[str, str, int]
Row = tuple[str, int, int]


def drain(platform: Platform, timeout: float) -> float:
    """Seconds until every group has passed all that was there when this was called, and readers
    are with the flow.
    """
    began = time.monotonic()
    wanted: dict[Place, int] = {}
    left: list[object] = ["the brokers do not answer"]

    def passed() -> bool:
        platform.tend()
        try:
            if not wanted:
                wanted.update(_ends(platform.world))
            left[:] = _behind(platform.world, wanted)
            left.extend((kind, lag) for kind in READERS if (lag := _told(platform, kind)) > FLOW)
        except (KafkaException, RetryLater) as error:
            left[:] = [error]
            platform.world.offsets = Offsets(platform.world.settings)  # ours may know no broker any more, as theirs may
        except httpx.HTTPError as error:
            left[:] = [error]
        return not left

    until(passed, timeout, lambda: f"all is worked on: {left}", every=0.5)
    return time.monotonic() - began


def _told(platform: Platform, kind: str) -> float:
    return platform.services[kind].metric("tidemill_consumer_lag")


def _ends(world: World) -> dict[Place, int]:
    topics = {group: [world.topic(role) for role in roles] for group, roles in WORK.items()}
    ends = world.offsets.ends(sorted({topic for some in topics.values() for topic in some}))
    return {(group, *at): end for group, some in topics.items() for at, end in ends.items() if at[0] in some}


def _behind(world: World, wanted: dict[Place, int]) -> list[Place]:
    """Where the groups have not come yet."""
    at = {
        (group, *place): offset
        for group in WORK
        for place, offset in world.offsets.committed(world.view.topics.group(group)).items()
    }
    return [place for place, end in wanted.items() if at.get(place, 0) < end]


def accounts(world: World, load: Mixed) -> dict[str, Any]:
    """By ids: what was acknowledged and is not there, and what is there twice."""
    clean, dead = _ids(world, "clean"), _ids(world, "raw_dlq")
    labels = _ids(world, "labels", of_labels=True)
    answered = _answers(world)
    missing = [one for one in load.good if one not in clean]
    missing += [one for one in load.bad if one not in dead]
    missing += [one for one in load.labelled if one not in labels]
    twice = [one for one, count in (clean + answered).items() if count > 1]
    return {
        "acknowledged": len(load.good) + len(load.bad), "labels": len(load.labelled), "asked": len(load.asked),
        "missing": sorted(missing), "twice": sorted(twice),
        "not_in_the_log": len(load.asked - answered.keys()), "set_aside_as_double": sum(dead.values()) - len(load.bad),
    }  # fmt: skip


def _ids(world: World, role: str, *, of_labels: bool = False) -> Counter[str]:
    schema = world.view.schemas.label(MODEL) if of_labels else world.view.schemas.record(MODEL)
    found: Counter[str] = Counter()
    for batch in scan(world.settings, world.topic(role)):
        found.update(world.view.codec.decode(batch.values, schema).rows.column("event_id").to_pylist())
    return found


def _answers(world: World) -> Counter[str]:
    """Ids of all predictions."""
    schema = world.view.schemas.prediction(MODEL)
    found: Counter[str] = Counter()
    for batch in scan(world.settings, world.topic("predictions")):
        found.update(world.view.codec.decode(batch.values, schema).rows.column("prediction_id").to_pylist())
    return found


def in_table(platform: Platform, timeout: float = 60.0) -> tuple[list[Row], list[Row]]:
    """Rows of the training table that are missing, once *collect* has had its time, and those that are there twice."""
    world = platform.world
    wanted = {
        (kind, partition, offset)
        for kind, role in ((EVENT, "clean"), (LABELLED, "labels"))
        for batch in scan(world.settings, world.topic(role))
        for partition, offset in zip(batch.partitions, batch.offsets, strict=True)
    }
    ends, rows = time.monotonic() + timeout, _rows(world)
    while wanted - rows.keys() and time.monotonic() < ends:
        platform.wait(1.0)
        rows = _rows(world)
    return sorted(wanted - rows.keys()), sorted(row for row, count in rows.items() if count > 1 and row in wanted)


def _rows(world: World) -> Counter[Row]:
    """Kind, partition and offset of every row, as often as it is there."""
    columns = ["_kind", "_partition", "_offset"]
    table = DeltaTable(world.folder / "tables" / MODEL).to_pyarrow_dataset().to_table(columns=columns)
    return Counter(zip(*(table.column(name).to_pylist() for name in columns), strict=True))
