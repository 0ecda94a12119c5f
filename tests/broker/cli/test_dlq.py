"""Dead letters that come back: each once, however often a replay is called or killed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.broker.cli.dlq_world import MODEL, DeadLetterWorld
from tests.support.polling import until
from tidemill.kafka.runtime.transaction import InDoubt, TransactionSession
from tidemill_operations.dead_letters.counting import OpenLetters, open_about
from tidemill_operations.dead_letters.resolve import Resolver
from tidemill_operations.standing.lag import Offsets

HEADERS = [("traceparent", b"00-1-1-01"), ("own", b"x"), ("own", None)]


@pytest.fixture
def world(kafka: str, prefix: str, root: Path) -> DeadLetterWorld:
    return DeadLetterWorld.make(kafka, prefix, root)


def test_a_replay_puts_records_back_as_they_came_and_only_once(world: DeadLetterWorld) -> None:
    world.set_aside(40, headers=HEADERS)

    assert "40 would go back" in world.run("replay", "--dry-run")
    assert world.raw() == []
    assert "40 back in" in world.run("replay", "--model", MODEL)
    assert "0 back in" in world.run("replay")

    back = world.raw()
    assert sorted(int(value or b"") for _, _, value, _ in back) == list(range(40))
    assert all(int(value or b"") % 4 == partition for partition, _, value, _ in back)
    assert all(key == b"k%d" % (int(value or b"") % 7) for _, key, value, _ in back)
    assert all(headers == HEADERS for *_, headers in back)
    assert "no dead letters" in world.run("list")
    assert "40 more were replayed" in world.run("list")
    assert "MalformedRecord" in world.run("list", "--all")


def test_letters_that_were_replayed_or_discarded_are_not_counted_as_open(
    world: DeadLetterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, offsets = world.topics.name("raw_dlq", MODEL), Offsets(world.settings)
    world.set_aside(14)
    assert open_about(world.settings, offsets, topic) == OpenLetters(14, exact=True)
    world.run("replay", "--key", "k3")
    world.run("discard", "--yes", "--key", "k4")
    assert open_about(world.settings, offsets, topic) == OpenLetters(10, exact=True)
    monkeypatch.setattr("tidemill_operations.dead_letters.counting.READ_AT_MOST", 10)
    rough = open_about(world.settings, offsets, topic)
    assert not rough.exact and rough.count >= 18, "four resolutions are records too"


def test_only_what_the_filters_say_is_replayed_and_what_is_discarded_never_is(world: DeadLetterWorld) -> None:
    world.set_aside(14)
    world.set_aside(14, reason="expect_column_values_to_be_in_set")

    assert "2 back in" in world.run("replay", "--reason", "in_set", "--key", "k3")
    place = f"{world.topics.name('raw_dlq', MODEL)}/0/0"
    assert "1 discarded" in world.run("discard", "--yes", place)
    assert "resolved: discarded" in world.run("show", place)
    assert "0 back in" in world.run("replay", "--until", "1h")
    assert "13 discarded" in world.run("discard", "--yes", "--reason", "Malformed", "--since", "1h")
    assert "12 back in" in world.run("replay", "--since", "1h")
    assert len(world.raw()) == 14
    assert max(world.resolutions().values()) == 1


MOST_KILLS = 30
"""Eight, and more until one of them found a transaction open."""


def test_killed_in_the_middle_again_and_again_a_replay_still_puts_each_back_once(world: DeadLetterWorld) -> None:
    count, chance, kills, bitten = 12_000, random.Random(7), 0, 0
    world.set_aside(count)
    with world.raw_end() as end:
        while kills < 8 or (kills < MOST_KILLS and world.uncommitted() == len(world.raw())):
            kills += 1
            began, wanted = end(), chance.randrange(20, 300)
            process = world.spawn("replay", "--batch", "10")
            until(lambda began=began, wanted=wanted: end() > began + wanted, 60, "the replay has begun", every=0.002)
            process.kill()
            process.communicate(timeout=60)
            bitten += len(world.raw()) < count
    world.run("replay")

    assert bitten == kills, "a kill came too late to bite"
    assert sorted(int(value or b"") for _, _, value, _ in world.raw()) == list(range(count))
    assert len(world.resolutions()) == count
    assert max(world.resolutions().values()) == 1
    assert world.uncommitted() > count, "no transaction was open when the process was killed"


def test_the_count_is_exact_where_commits_end_in_doubt(world: DeadLetterWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.set_aside(40)
    commit, calls = TransactionSession.commit, iter(range(100))

    def in_doubt(session: TransactionSession, outputs: Any, offsets: Any) -> None:
        call = next(calls)
        if call != 2:  # the third is lost on the way there, the first on the way back
            commit(session, outputs, offsets)
        if call in (0, 2):
            session.close()
            raise InDoubt("no answer")

    monkeypatch.setattr(TransactionSession, "commit", in_doubt)
    topics = [world.topics.name(role, MODEL) for role in ("raw_dlq", "raw")]
    resolver = Resolver(world.settings, topics[0], f"{world.settings.prefix}doubt", back_to=topics[1], most=8)
    assert resolver.run(lambda letter: True) == {"MalformedRecord": 40}
    assert sorted(int(value or b"") for _, _, value, _ in world.raw()) == list(range(40))


def test_of_two_replays_at_once_one_is_fenced_and_each_record_comes_back_once(world: DeadLetterWorld) -> None:
    world.set_aside(2_000)
    first = world.spawn("replay", "--batch", "2")
    until(lambda: world.uncommitted() > 10, 60, "the first has begun", every=0.01)
    world.run("replay")
    output, _ = first.communicate(timeout=60)

    assert (first.returncode, "taken over" in output) == (3, True), output
    assert sorted(int(value or b"") for _, _, value, _ in world.raw()) == list(range(2_000))
