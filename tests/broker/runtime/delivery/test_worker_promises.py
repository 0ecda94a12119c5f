"""What `Worker` promises, on a fake (in memory, of the tests' own) and on a real broker: the same tests for both.

`-k in_memory` needs no broker.
"""

from __future__ import annotations

import time
from collections import defaultdict

from tests.broker.runtime.diary import DiaryWorker, Entry, Hooks, TolerantDiaryWorker
from tests.broker.runtime.harness import World, running
from tests.support.polling import until
from tidemill.errors import HoldTopics, RetryLater
from tidemill.kafka.batch import Partition
from tidemill.kafka.runtime.outputs import PIECE

WAIT_S = 60


def all_written(world: World, count: int) -> None:
    until(lambda: world.written() == list(range(count)), WAIT_S, f"{count} records written, each once")


def by_partition(entries: list[Entry]) -> dict[Partition, list[int]]:
    offsets: dict[Partition, list[int]] = defaultdict(list)
    for entry in entries:
        for partition, offset, _ in entry.records:
            offsets[partition].append(offset)
    return offsets


def test_records_of_a_partition_come_and_are_written_in_the_order_of_their_offsets(world: World) -> None:
    world.feed(0, 1_000)
    worker = DiaryWorker(world.sink)
    with running(world, worker=worker, batch_size=70):
        all_written(world, 1_000)
    assert by_partition(worker.named("process")) == {(world.source, n): list(range(250)) for n in range(4)}
    assert world.written_in_order() == {n: list(range(n, 1_000, 4)) for n in range(4)}
    assert worker.overlaps == []


def test_a_partition_is_assigned_before_its_first_record_and_none_comes_after_it_is_revoked(world: World) -> None:
    first, second = DiaryWorker(world.sink), DiaryWorker(world.sink)
    with running(world, worker=first, name="0", batch_size=50) as staying:
        until(lambda: len(staying.runner.assigned) == 4, WAIT_S, "the first member has all")
        world.feed(0, 400)
        with running(world, worker=second, name="1", batch_size=50) as leaving:
            until(lambda: len(leaving.runner.assigned) == 2, WAIT_S, "the second member has its share")
            world.feed(400, 400)
            all_written(world, 800)
        until(lambda: len(staying.runner.assigned) == 4, WAIT_S, "the first member has all back")
        world.feed(800, 400)
        all_written(world, 1_200)
    for worker in (first, second):
        assert worker.overlaps == []
        assert worker.named("revoked")
        held: set[Partition] = set()
        for entry in worker.calls:
            if entry.what == "assigned, done":
                held.update(entry.partitions)
            elif entry.what == "revoked":
                held.difference_update(entry.partitions)
            assert {partition for partition, _, _ in entry.records} <= held


def test_new_partitions_stay_new_until_assigned_has_returned(world: World) -> None:
    world.feed(0, 8)

    def not_yet(entry: Entry) -> None:
        if len(worker.named("assigned")) < 3:
            raise RetryLater("model-versions are not read yet", delay_s=0.1)

    worker = DiaryWorker(world.sink, Hooks(assigned=not_yet))
    with running(world, worker=worker):
        all_written(world, 8)
    story = [entry.what for entry in worker.named("assigned", "before_batch", "process")]
    assert story[:5] == ["assigned"] * 3 + ["before_batch", "process"]
    assert {frozenset(entry.partitions) for entry in worker.named("assigned")} == {
        frozenset((world.source, number) for number in range(4))
    }


def test_start_offsets_are_asked_of_partitions_without_a_committed_one_alone(world: World) -> None:
    world.feed(0, 40)
    starts = {(world.source, 0): 5, (world.source, 1): 5}
    expected = sorted(set(range(40)) - {number for number in range(20) if number % 4 < 2})
    first = DiaryWorker(world.sink, Hooks(starts=starts))
    with running(world, worker=first):
        until(lambda: world.written() == expected, WAIT_S, "records from the start offsets on")
        until(lambda: len(first.named("idle")) > 0, WAIT_S, "its turn without records")
    second = DiaryWorker(world.sink, Hooks(starts=starts))
    with running(world, worker=second):
        world.feed(40, 4)
        until(lambda: world.written() == [*expected, *range(40, 44)], WAIT_S, "it goes on from what is committed")
    asked = [partition for entry in first.named("start_offsets") for partition in entry.partitions]
    assert sorted(asked) == [(world.source, number) for number in range(4)]
    assert second.named("start_offsets") == []


def test_after_retry_later_the_same_records_come_again_and_each_is_written_once(world: World) -> None:
    world.feed(0, 200)
    failed: list[Entry] = []

    def away(entry: Entry) -> None:
        if len(failed) < 3:
            failed.append(entry)
            raise RetryLater("the registry is away", delay_s=0.05)

    worker = DiaryWorker(world.sink, Hooks(process=away))
    with running(world, worker=worker, batch_size=50):
        all_written(world, 200)
    begins = [{p: offsets[0] for p, offsets in by_partition([entry]).items()} for entry in worker.named("process")]
    assert all(offset == 0 for begin in begins[:3] for offset in begin.values()), "nothing is left out meanwhile"
    again = by_partition(worker.named("process")[3:])
    assert again == {(world.source, n): list(range(50)) for n in range(4)}
    assert worker.overlaps == []


def test_nothing_is_visible_of_a_batch_that_raised_not_even_the_pieces_before(world: World) -> None:
    count = PIECE + 1_000
    world.feed(0, count)

    def breaks(entry: Entry) -> None:
        if any(value == count - 1 for _, _, value in entry.records):
            raise ArithmeticError("a defect")

    worker = DiaryWorker(world.sink, Hooks(process=breaks))
    with running(world, worker=worker, batch_size=count, linger_s=5.0) as work:
        until(lambda: work.error is not None, WAIT_S, "run() ends with what was raised")
    assert isinstance(work.error, ArithmeticError)
    last_begin = max(place for place, entry in enumerate(worker.calls) if entry.what == "before_batch")
    dropped = {value for entry in worker.calls[last_begin:] for _, _, value in entry.records}
    assert count - 1 in dropped
    assert dropped.isdisjoint(world.written())
    with running(world, worker=DiaryWorker(world.sink), name="heir"):
        all_written(world, count)


def test_before_batch_comes_once_before_each_batch_however_many_pieces_it_has(world: World) -> None:
    count = 2 * PIECE + 1_000
    world.feed(0, count)
    worker = DiaryWorker(world.sink)
    with running(world, worker=worker, batch_size=count, linger_s=5.0):
        all_written(world, count)
    story = [entry.what for entry in worker.named("before_batch", "process")]
    assert story[0] == "before_batch" and story[-1] == "process"
    assert ["before_batch"] * 2 not in [story[k : k + 2] for k in range(len(story))]
    assert story.count("process") > story.count("before_batch")
    assert all(len(entry.records) <= PIECE for entry in worker.named("process"))


def test_idle_comes_on_turns_without_records_alone_when_all_before_is_visible(world: World) -> None:
    unseen: list[set[int]] = []

    def compare(entry: Entry) -> None:
        given = {value for entry in worker.named("process") for _, _, value in entry.records}
        if given and len(unseen) < 5:
            unseen.append(given - set(world.written()))

    worker = DiaryWorker(world.sink, Hooks(idle=compare))
    with running(world, worker=worker, batch_size=50):
        until(lambda: len(worker.named("idle")) > 0, WAIT_S, "idle without any records")
        world.feed(0, 300)
        all_written(world, 300)
        until(lambda: len(unseen) > 0, WAIT_S, "idle again")
    assert not any(unseen)
    assert worker.overlaps == []


def test_a_held_topic_waits_and_the_others_go_on(world: World) -> None:
    other = f"{world.settings.prefix}other"
    world.create(other)
    world.feed(0, 40)
    away = True

    def one_is_away(entry: Entry) -> None:
        if away and any(topic == world.source for (topic, _), _, _ in entry.records):
            raise HoldTopics({world.source})

    worker = DiaryWorker(world.sink, Hooks(process=one_is_away))
    with running(world, worker=worker, topics=[world.source, other]) as work:
        until(lambda: len(worker.named("process")) > 0, WAIT_S, "the first is held")
        world.feed(40, 40, topic=other)
        until(lambda: world.written() == list(range(40, 80)), WAIT_S, "the other goes on")
        away = False
        work.runner.hold_topics([])
        all_written(world, 80)


def test_nothing_is_lost_of_a_topic_that_is_let_go_between_reading_and_committing(world: World) -> None:
    other = f"{world.settings.prefix}other"
    world.create(other)
    world.feed(0, 40, topic=other)
    came: list[float] = []

    def let_go(entry: Entry) -> None:
        if any(topic == other for topic, _ in work.runner.assigned):
            came.append(time.monotonic())
            if came[-1] - came[0] > 1.0:  # by then positions are committed at any turn without records
                work.runner.hold_topics([])

    worker = DiaryWorker(world.sink, Hooks(idle=let_go))
    with running(world, worker=worker) as work:
        work.runner.hold_topics([other])
        world.feed(40, 40)
        until(lambda: world.written() == list(range(40, 80)), WAIT_S, "the hold is in force")
        work.runner.subscribe([world.source, other])  # the first records come with the assignment, before any pause
        all_written(world, 80)


def test_nothing_is_lost_of_a_topic_that_is_held_and_let_go_within_one_turn(world: World) -> None:
    world.feed(0, 40)

    def hold(entry: Entry) -> None:
        work.runner.hold_topics([world.source])

    def let_go(entry: Entry) -> None:
        work.runner.hold_topics([])

    worker = DiaryWorker(world.sink, Hooks(assigned=hold, idle=let_go))
    with running(world, worker=worker, linger_s=3.0) as work:  # so that records come in the turn of their assignment
        until(lambda: len(worker.named("idle")) > 0, WAIT_S, "what came was passed over")
        world.feed(40, 40)
        all_written(world, 80)
    assert by_partition(worker.named("process")) == {(world.source, n): list(range(20)) for n in range(4)}


def test_the_partitions_left_of_a_held_topic_go_on_when_the_one_that_it_waited_for_is_revoked(world: World) -> None:
    world.feed(0, 40)

    def wait_for_the_last(entry: Entry) -> None:
        if (world.source, 3) in staying.runner.assigned:
            staying.runner.hold_topics([world.source])

    class LetsGo(DiaryWorker):
        def revoked(self, partitions: list[Partition]) -> None:
            super().revoked(partitions)
            staying.runner.hold_topics([])

    first = LetsGo(world.sink, Hooks(assigned=wait_for_the_last))
    with running(world, worker=first, name="0") as staying:
        until(lambda: len(staying.runner.assigned) == 4, WAIT_S, "the first member has all")
        with running(world, worker=DiaryWorker(world.sink), name="1"):
            all_written(world, 40)


def test_a_record_that_fails_each_time_is_set_aside_in_its_place_where_the_worker_is_tolerant(world: World) -> None:
    world.feed(0, 100)

    def fails(entry: Entry) -> None:
        if any(value == 41 for _, _, value in entry.records):
            raise ArithmeticError("a defect")

    worker = TolerantDiaryWorker(world.sink, Hooks(process=fails))
    with running(world, worker=worker):
        until(lambda: len(world.written()) == 100, WAIT_S, "all others are written")
    in_place = list(range(1, 100, 4))
    in_place[10] = 1_000_041
    assert world.written_in_order() == {n: list(range(n, 100, 4)) for n in (0, 2, 3)} | {1: in_place}
    assert worker.overlaps == []
