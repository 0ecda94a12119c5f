"""Killed at any moment, the trainer loses nothing and does nothing twice."""

from __future__ import annotations

import re
from collections import Counter

import psutil

from tests.broker.trainer.world import DAY_ONE, HOUR, MODEL, PARTITIONS, World
from tests.support.polling import until
from tidemill.kafka.client.scan import scan
from tidemill_learning.data_set.table_rows import EVENT, LABELLED


def test_killed_while_it_collects_it_takes_every_row_once(world: World) -> None:
    """Each kill bites: rows are on their way (some in the table, some not) when it comes."""
    pushed, bites = 0, 0
    for _ in range(4):
        world.start(PARTS="collect", COLLECT_EVERY_S="0.05", COLLECT_ROWS="200", COLLECT_FETCH="50")
        before = len(positions(world))
        until(
            lambda pushed=pushed, before=before: collecting(world, pushed, before),
            60,
            "rows go into the table",
        )
        for _ in range(10):
            world.push_events(pushed, 250)
            world.push_labels(pushed, 250)
            pushed += 250
        until(lambda before=before: len(positions(world)) > before + 200, 60, "more rows in the table")
        world.kill()
        bites += len(positions(world)) < 2 * pushed
    assert bites >= 2, "kills came in the midst of the work"
    world.start(PARTS="collect", COLLECT_EVERY_S="0.05")
    until(lambda: len(positions(world)) >= 2 * pushed, 60, "all rows in the table")
    found = Counter(positions(world))
    assert max(found.values()) == 1, "no row twice"
    assert set(found) == on_topics(world), "none lost, none invented"
    assert world.stop() == 0


def test_whatever_is_killed_or_stopped_in_the_midst_of_a_training_each_run_is_done_once(world: World) -> None:
    ready_with_one_version(world)

    child = training_in_progress(world, "child")
    child.kill()
    world.await_log("(manual, attempt 2)")
    assert world.await_versions(2)[-1].champion.version == 2
    assert world.trainer is not None and world.trainer.poll() is None, "the trainer itself lives on"

    child = training_in_progress(world, "trainer")
    world.kill()
    child.kill()
    tell_all_runs_again(world)
    world.start()
    assert world.await_versions(3)[-1].champion.version == 3

    until(lambda: world.health("ready") == 200, 60, "readiness")
    training_in_progress(world, "shutdown")
    assert world.stop() == 0
    world.start()
    assert world.await_versions(4)[-1].champion.version == 4

    assert [version.epoch for version in world.versions()] == [1, 2, 3, 4], "a run that is told again is released once"
    assert [release.published.champion.version for release in world.releases()] == [1, 2, 3, 4]
    attempts = [int(n) for n in re.findall(r"begins \(manual, attempt (\d)\)", world.log())]
    assert attempts == [1, 2, 1, 2, 1, 1], "a kill costs an attempt, a shutdown does not"
    for state in ("accepted", "started", "finished"):
        told = {run.run_id for run in world.runs() if run.state == state}
        assert len(told) == 4, state


def ready_with_one_version(world: World) -> None:
    """Start the trainer with enough data and wait for version 1."""
    world.push_events(0, 1_000)
    world.push_labels(0, 1_000)
    world.start()
    world.await_versions(1, 150)
    until(lambda: world.health("ready") == 200, 60, "readiness")


def training_in_progress(world: World, name: str) -> psutil.Process:
    """Ask for a version, with rows that none has learned, and freeze the training process, so that it is at work for
    sure.
    """
    serving = world.versions()[-1].champion.version
    until(
        lambda: world.has_said(f"aliases of {MODEL}: champion names version {serving}"),
        60,
        "nothing else is asked of it",
    )
    child = training_process(world)
    child.suspend()
    world.push_events(1_000 + 300 * serving, 300)
    world.push_labels(1_000 + 300 * serving, 300)
    before = world.log().count("(manual, attempt 1)")
    world.request("manual", DAY_ONE + 20 * HOUR, name)
    until(lambda: world.log().count("(manual, attempt 1)") > before, 60, "the training begins")
    return child


def tell_all_runs_again(world: World) -> None:
    """What a trainer does that was killed between sending its events and noting that they were sent."""
    topic = world.catalog.name("retrain_runs")
    for batch in list(scan(world.settings, topic)):
        for value, headers in zip(batch.values, batch.headers, strict=True):
            world.publisher.publish(topic, value, key=MODEL.encode(), headers=headers)


def training_process(world: World) -> psutil.Process:
    """The trainer's child."""
    assert world.trainer is not None
    (child,) = psutil.Process(world.trainer.pid).children()
    return child


def collecting(world: World, pushed: int, before: int) -> bool:
    """Whether this life of the trainer has been seen to work (or there is nothing yet to work on)."""
    return pushed == 0 or len(positions(world)) > before or len(positions(world)) >= 2 * pushed


def positions(world: World) -> list[tuple[str, int, int]]:
    """Kind, partition and offset of every row in the table, as often as it is there."""
    from deltalake import DeltaTable

    place = world.folder / "tables" / f"{world.settings.prefix}{MODEL}"
    if not (place / "_delta_log").exists():
        return []
    rows = DeltaTable(place).to_pyarrow_dataset().to_table(columns=["_kind", "_partition", "_offset"])
    return list(zip(*(rows.column(name).to_pylist() for name in rows.column_names), strict=True))


def on_topics(world: World) -> set[tuple[str, int, int]]:
    """The same of every record on the two topics."""
    kinds = {"clean": EVENT, "labels": LABELLED}
    found = {
        (kinds[role], partition, offset)
        for role in kinds
        for batch in scan(world.settings, world.catalog.name(role, MODEL))
        for partition, offset in zip(batch.partitions, batch.offsets, strict=True)
    }
    assert {partition for _, partition, _ in found} == set(range(PARTITIONS))
    return found
