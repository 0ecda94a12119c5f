from __future__ import annotations

import httpx
import pytest

from tests.broker.inference.world import MODEL, TRACE, World, positions, ready
from tests.support.models.toy_models import toy_probability
from tests.support.polling import until
from tidemill.ids import uuid7_time_ms


def test_a_worker_starts_cold_where_the_training_rows_ended_and_predicts_each_record_once(
    world: World,
) -> None:
    world.push(range(100))
    worker = world.start("stream")
    address = worker.address()
    assert httpx.get(f"{address}/health/live").status_code == 200
    assert httpx.get(f"{address}/health/ready").status_code == 503

    world.release(1, start=(30, 50))
    until(lambda: len(world.predictions()) >= 20, 60, "the first predictions")
    world.push(range(100, 140))
    until(lambda: len(world.predictions()) >= 60, 60, "all predictions")
    assert ready(address)

    found = world.predictions()
    started = {(p, o) for p, o in world.clean_positions() if o >= (30, 50)[p]}
    assert sorted(positions(found)) == sorted(started)
    for row in found:
        assert row["partition"] == row["input_partition"]
        assert row["key"].startswith(b"N")
        assert row["probability"] == pytest.approx(toy_probability(1, 1.0), abs=1e-6)
        assert (row["model"], row["version"], row["epoch"], row["arm"]) == (MODEL, 1, 1, "champion")
        assert row["input"] is None
        assert uuid7_time_ms(row["prediction_id"]) is not None
        origin = f"{world.topics.name('clean', MODEL)}/{row['input_partition']}/{row['input_offset']}"
        assert row["headers"] == {"traceparent": TRACE, "tidemill.origin": origin.encode()}
    by_position = {(row["input_partition"], row["input_offset"]): row for row in found}
    assert by_position[0, 30]["event_id"] == "e60"
    assert worker.stop() == 0, worker.told()


def test_a_swap_under_load_loses_and_doubles_nothing_and_epochs_only_rise(world: World) -> None:
    world.start("stream", batch_size=50)
    world.release(1)
    world.push(range(2_900, 3_000))
    until(lambda: len(world.predictions()) >= 100, 60, "the first version serves")
    for block in range(5):
        if block in (2, 4):
            world.release(block)
        world.push(range(block * 500, block * 500 + 500))
    until(lambda: len(world.predictions()) >= 2_600, 60, "all predictions")
    world.push(range(3_000, 3_100))
    until(lambda: len(world.predictions()) >= 2_700, 60, "predictions after the last swap")

    found = world.predictions()
    assert sorted(positions(found)) == sorted(world.clean_positions())
    for partition in (0, 1):
        rows = sorted((r for r in found if r["partition"] == partition), key=lambda r: r["offset"])
        assert [r["input_offset"] for r in rows] == sorted(r["input_offset"] for r in rows)
        assert [r["epoch"] for r in rows] == sorted(r["epoch"] for r in rows)
    for row in found:
        assert row["probability"] == pytest.approx(toy_probability(row["version"], 1.0), abs=1e-6)
    assert {row["version"] for row in found} >= {1, 4}
    assert len({row["prediction_id"] for row in found}) == len(found)


def test_a_worker_killed_while_it_works_and_restarted_predicts_each_record_once(world: World) -> None:
    world.release(1)
    total = 20_000
    world.push(range(total))
    worker = world.start("stream", batch_size=200)
    until(lambda: len(world.predictions()) > 400, 60, "the worker works")
    worker.kill()
    seen = len(world.predictions())
    assert seen < total
    world.start("stream", batch_size=2_000)
    until(lambda: len(world.predictions()) >= total, 60, "all predictions")
    assert sorted(positions(world.predictions())) == sorted(world.clean_positions())


def test_a_restarted_worker_serves_what_was_published_while_it_was_down_before_it_takes_a_record(world: World) -> None:
    world.release(1)
    world.push(range(200))
    worker = world.start("stream", batch_size=50)
    until(lambda: len(world.predictions()) >= 200, 60, "the first version serves")
    worker.kill()
    world.push(range(200, 500))
    for version in (2, 3):
        world.release(version)
    world.push(range(500, 700))
    world.start("stream", batch_size=50)
    found = until(lambda: rows if len(rows := world.predictions()) >= 700 else None, 60, "all predictions")
    assert sorted(positions(found)) == sorted(world.clean_positions())
    versions = {int(row["event_id"][1:]): row["version"] for row in found}
    assert versions == {number: 1 if number < 200 else 3 for number in range(700)}


def test_a_second_worker_takes_over_partitions_without_stepping_back_in_epochs(world: World) -> None:
    world.release(1)
    world.start("stream", instance=0, batch_size=100)
    world.push(range(500))
    until(lambda: len(world.predictions()) >= 500, 60, "the first worker works")
    second = world.start("stream", instance=1, batch_size=100)
    world.release(2)
    address = second.address()
    for block in range(1, 9):
        world.push(range(block * 500, block * 500 + 500))
    until(lambda: len(world.predictions()) >= 4_500, 60, "all predictions")
    until(lambda: ready(address), 60, "the second works too")
    found = world.predictions()
    assert sorted(positions(found)) == sorted(world.clean_positions())
    for partition in (0, 1):
        rows = sorted((r for r in found if r["partition"] == partition), key=lambda r: r["offset"])
        assert [r["epoch"] for r in rows] == sorted(r["epoch"] for r in rows)


def test_a_bad_version_is_refused_and_the_one_before_serves_on(world: World) -> None:
    worker = world.start("stream")
    world.release(1)
    world.push(range(10))
    until(lambda: len(world.predictions()) >= 10, 60, "the first version serves")
    world.release(2, golden_shift=0.5)
    until(lambda: [line for line in worker.lines if line["level"] == "ERROR"], 60, "the refusal is logged")
    world.push(range(10, 20))
    until(lambda: len(world.predictions()) >= 20, 60, "the old version serves on")
    assert {row["version"] for row in world.predictions()} == {1}
    refusal = next(line for line in worker.lines if line["level"] == "ERROR")
    assert "golden rows" in refusal["message"]
    assert refusal["model_version"] == f"{MODEL}:2"
    world.release(3)
    world.push(range(20, 30))
    until(lambda: len(world.predictions()) >= 30, 60, "a good version serves again")
