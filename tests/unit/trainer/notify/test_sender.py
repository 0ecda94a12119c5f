"""Sending: at least once, no storm, no channel held up by another, and nothing lost without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.metric_values import value_of
from tests.support.receivers import Reply, web_receiver
from tidemill.clock import FixedClock
from tidemill.notify.delivery import NotDelivered
from tidemill.notify.notice import Notice
from tidemill.notify.webhook import WebhookChannel
from tidemill_trainer import metrics
from tidemill_trainer.notify.rate import Rate
from tidemill_trainer.notify.sender import Sender, backoff
from tidemill_trainer.notify.store import KNOWN_MS, WAIT_MS, NoticeStore, Position
from tidemill_trainer.runs.database import connect, migrate

HOUR = 3_600_000
TOPIC = ("drift-events", 0)


class Ear:
    """A channel that keeps what it takes. `refuses`: what it raises instead, by title (`*`: for all)."""

    def __init__(self) -> None:
        self.taken: list[Notice] = []
        self.refuses: dict[str, NotDelivered] = {}
        self.asked = 0

    def send(self, notice: Notice) -> str:
        self.asked += 1
        error = self.refuses.get(notice.title) or self.refuses.get("*")
        if error is not None:
            raise error
        self.taken.append(notice)
        return "well"

    def close(self) -> None:
        """Nothing is open."""

    @property
    def counted(self) -> int:
        """Notices that the messages stand for."""
        return sum(one.digest.count if one.digest else 1 for one in self.taken)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(1_000 * HOUR)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = connect(f"sqlite:///{tmp_path / 'trainer.db'}")
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine, clock: FixedClock) -> NoticeStore:
    made = NoticeStore(engine, clock)
    made.begin([TOPIC])
    return made


def sender(store: NoticeStore, clock: FixedClock, channel: Any, name: str = "webhook") -> Sender:
    return Sender(
        name=name, channel=channel, store=store, rate=Rate(5, 300_000), give_up_s=86_400.0, clock=clock,
        stop=threading.Event(), jitter=lambda: 1.0,
    )  # fmt: skip


def told(number: int, kind: Any = "drift", model: str = "tide") -> Notice:
    return Notice(notice_id=f"{kind}{number}", kind=kind, model=model, title=f"title {number}", text="text", at=number)


def take(store: NoticeStore, *notices: Notice, channel: str = "webhook") -> int:
    return store.take([(channel, notice) for notice in notices], {TOPIC: Position(0, 1)})


def steps(one: Sender, count: int) -> None:
    for _ in range(count):
        one.step()


def test_each_notice_is_sent_once_in_order_and_a_repeat_of_its_event_is_none(
    store: NoticeStore, clock: FixedClock
) -> None:
    ear = Ear()
    assert take(store, told(1), told(2)) == 2
    steps(sender(store, clock, ear), 3)
    assert take(store, told(1), told(2), told(3)) == 1
    steps(sender(store, clock, ear), 3)
    assert [notice.title for notice in ear.taken] == ["title 1", "title 2", "title 3"]
    assert ear.taken[0] == told(1), "whole, as it was made"


def test_of_500_at_once_the_first_come_as_they_are_and_one_digest_counts_all_others(
    store: NoticeStore, clock: FixedClock
) -> None:
    ear = Ear()
    take(store, *(told(n, model="gauge" if n % 5 == 0 else "tide") for n in range(500)))
    steps(sender(store, clock, ear), 20)
    assert len(ear.taken) == 5 and ear.counted == 500
    digest = ear.taken[-1]
    assert digest.title == "several models: 496 notices of drift" and digest.digest is not None
    assert digest.digest.models == {"tide": 397, "gauge": 99}
    assert "title 499" in digest.text and "tide 397, gauge 99" in digest.text


def test_a_storm_that_goes_on_gives_one_digest_in_five_minutes_also_over_restarts_and_another_kind_comes_through(
    store: NoticeStore, clock: FixedClock
) -> None:
    ear = Ear()
    for minute in range(60):
        take(store, *(told(minute * 100 + n) for n in range(10)))
        steps(sender(store, clock, ear), 3)  # each time one that was just started
        clock.advance(60_000)
    assert len(ear.taken) <= 5 + 12 and ear.counted >= 550
    take(store, told(1, kind="retrain_failed"))
    sender(store, clock, ear).step()
    steps(sender(store, clock, ear), 2)
    assert "retrain_failed" in {notice.kind for notice in ear.taken}
    clock.advance(600_000)
    steps(sender(store, clock, ear), 5)
    assert ear.counted == 601, "none is lost in between"


def test_a_channel_that_is_away_is_asked_ever_less_and_as_it_says_and_then_goes_on(
    store: NoticeStore, clock: FixedClock
) -> None:
    ear = Ear()
    ear.refuses["*"] = NotDelivered("away")
    take(store, told(1), told(2))
    one = sender(store, clock, ear)
    for _ in range(600):
        one.step()
        clock.advance(1_000)
    assert ear.asked == 10, "after 1, 2, 4 … 256 s"
    assert backoff(9) == 512 and backoff(10) == backoff(1_000_000) == 600, "then each ten minutes"
    assert value_of(metrics.NOTIFY_FAILING.labels("webhook")) == 1
    assert value_of(metrics.NOTICES_WAITING.labels("webhook")) == 2
    ear.refuses["*"] = NotDelivered("too often", retry_after_s=3_000)
    clock.advance(600_000)
    one.step()
    ear.refuses.clear()
    clock.advance(2_990_000)
    one.step()
    assert ear.taken == []
    clock.advance(20_000)
    steps(one, 3)
    assert [notice.title for notice in ear.taken] == ["title 1", "title 2"]
    assert value_of(metrics.NOTIFY_FAILING.labels("webhook")) == 0


def test_a_notice_that_is_refused_waits_alone_and_the_others_are_sent(store: NoticeStore, clock: FixedClock) -> None:
    ear = Ear()
    ear.refuses["title 1"] = NotDelivered("what is that?", of_notice=True)
    take(store, told(1), told(2), told(3))
    one = sender(store, clock, ear)
    steps(one, 6)
    assert [notice.title for notice in ear.taken] == ["title 2", "title 3"]
    asked = ear.asked
    clock.advance(1_000)
    steps(one, 2)
    clock.advance(1_000)
    steps(one, 2)
    assert ear.asked == asked + 1, "then after twice as long"
    ear.refuses.clear()
    clock.advance(2_000)
    steps(one, 2)
    assert ear.counted == 3


def test_what_could_not_be_sent_for_a_day_is_told_in_one_digest_counted_and_logged(
    store: NoticeStore, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()
    ear.refuses["*"] = NotDelivered("away")
    before = value_of(metrics.NOTICES.labels("webhook", "overdue"))
    take(store, told(1), told(2))
    one = sender(store, clock, ear)
    clock.advance(86_400_000)
    take(store, told(3))
    steps(one, 2)
    assert value_of(metrics.NOTICES.labels("webhook", "overdue")) == before + 2
    assert "2 notices could not be sent by webhook for 86400 s" in caplog.text
    ear.refuses.clear()
    clock.advance(86_400_000)
    steps(one, 4)
    assert [notice.title for notice in ear.taken] == ["tide: 3 notices of drift"]


def test_what_waits_for_a_month_or_for_a_channel_that_is_gone_is_given_up_by_count(
    store: NoticeStore, clock: FixedClock
) -> None:
    take(store, told(1), told(2))
    take(store, told(1), channel="slack")
    assert store.tidy(["webhook"]) == {"slack": 1}
    clock.advance(WAIT_MS)
    assert store.tidy(["webhook"]) == {"webhook": 2}
    assert store.tidy(["webhook"]) == {}


def test_what_was_sent_is_known_for_longer_than_a_topic_keeps_its_event(store: NoticeStore, clock: FixedClock) -> None:
    ear = Ear()
    take(store, told(1))
    steps(sender(store, clock, ear), 2)
    clock.advance(KNOWN_MS - 1)
    assert store.tidy(["webhook"]) == {} and take(store, told(1)) == 0
    clock.advance(1)
    assert store.tidy(["webhook"]) == {} and take(store, told(1)) == 1


def test_without_channels_the_positions_are_forgotten_so_that_a_later_one_gets_no_history(
    store: NoticeStore, clock: FixedClock
) -> None:
    take(store, told(1))
    assert store.begin([TOPIC])[TOPIC].next_offset == 1
    assert store.tidy([]) == {"webhook": 1}
    clock.advance(HOUR)
    position = store.begin([TOPIC])[TOPIC]
    assert position == Position(clock.now_ms()) and not position.is_new(0, clock.now_ms() - 1, "")


def test_a_record_is_new_by_its_place_and_again_on_a_topic_that_was_made_anew() -> None:
    position = Position(1_000, 40, "a")
    assert position.is_new(40, 1_000, "a") and not position.is_new(39, 2_000, "a")
    assert not position.is_new(40, 999, "a"), "history of before the first start"
    assert position.is_new(0, 2_000, "b") and not position.is_new(0, 2_000, "")


def test_one_channel_that_fails_in_a_way_nobody_foresaw_goes_on_and_holds_up_no_other(
    store: NoticeStore, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Ear):
        def send(self, notice: Notice) -> str:
            raise KeyError("a defect")

    ear = Ear()
    take(store, told(1))
    take(store, told(1), channel="slack")
    broken = sender(store, clock, Broken())
    steps(broken, 2)
    steps(sender(store, clock, ear, "slack"), 2)
    assert ear.counted == 1 and "in a way that is not foreseen" in caplog.text
    assert value_of(metrics.NOTICES_WAITING.labels("webhook")) == 1


def test_a_thread_sends_to_a_real_server_that_comes_back_and_ends_when_it_is_told(
    store: NoticeStore, clock: FixedClock
) -> None:
    done = threading.Event()
    with web_receiver() as hook:

        def once_away(request: Any) -> Reply:
            taken = len(hook.received) > 0
            if taken:
                done.set()
            return Reply(200 if taken else 503, headers={"retry-after": "0"})

        hook.answering = once_away
        take(store, told(1))
        one = sender(store, clock, WebhookChannel(hook.url, "a secret of thirty characters!", 5))
        one.jitter = lambda: 0.0
        thread = threading.Thread(target=one.run)
        thread.start()
        assert done.wait(10)
        one.stop.set()
        thread.join(10)
    assert not thread.is_alive()
    assert [message["id"] for message in hook.messages] == ["drift1", "drift1"]
