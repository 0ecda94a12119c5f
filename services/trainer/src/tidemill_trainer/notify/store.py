"""Notices in SQL: what waits for each channel, what was sent, and how far the topics have been taken.

Each method is one transaction and raises `RetryLater` while the database is away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, case, delete, func, insert, select, update

from tidemill.clock import Clock
from tidemill.kafka.batch import Partition
from tidemill.notify.notice import Notice
from tidemill_trainer.notify.digest import Gathered
from tidemill_trainer.notify.rate import Standing
from tidemill_trainer.runs.database import transaction
from tidemill_trainer.runs.tables import notice_positions, notice_rates, notices

TITLES = 10
WAIT_MS = 30 * 86_400_000
"""For so long what cannot be sent waits."""
KNOWN_MS = 100 * 86_400_000
"""For so long what was sent is known: longer than its topics keep it, for those may be read again from their beginning
(a platform that came out of a backup).
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition has been taken: what stands before `next_offset` was, or is from before `begun_at` (ms), when
    notices were first wanted. `topic_id`: of the topic that the offset is of; empty where brokers tell none.
    """

    begun_at: int
    next_offset: int = 0
    topic_id: str = ""

    def is_new(self, offset: int, at_ms: int, topic_id: str) -> bool:
        """Whether a record, written at `at_ms`, has not been taken."""
        anew = bool(self.topic_id and topic_id) and self.topic_id != topic_id
        return at_ms >= self.begun_at and (anew or offset >= self.next_offset)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notice that a channel has not taken. `tries`: how often it was refused."""

    row: int
    notice: Notice
    tries: int


class NoticeStore:
    """Thread-safe."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def begin(self, partitions: Iterable[Partition]) -> dict[Partition, Position]:
        """Where the partitions are; those that are not known begin now."""
        with transaction(self._engine) as connection:
            known = {(row.topic, row.partition): row for row in connection.execute(select(notice_positions))}
            for topic, number in set(partitions) - known.keys():
                row = {"topic": topic, "partition": number, "topic_id": "", "next_offset": 0,
                       "begun_at": self._clock.now_ms()}  # fmt: skip
                connection.execute(insert(notice_positions).values(row))
            rows = connection.execute(select(notice_positions)).all()
        return {(row.topic, row.partition): Position(row.begun_at, row.next_offset, row.topic_id) for row in rows}

    def take(self, wanted: Sequence[tuple[str, Notice]], moved: Mapping[Partition, Position]) -> int:
        """Keep notices, each with its channel, and how far the topics have been taken with them; gives how many are
        new. A notice that is known for its channel changes nothing.
        """
        taken = 0
        with transaction(self._engine) as connection:
            for channel, notice in wanted:
                taken += _keep(connection, channel, notice, self._clock.now_ms())
            for (topic, number), position in moved.items():
                of = (notice_positions.c.topic == topic) & (notice_positions.c.partition == number)
                place = {"next_offset": position.next_offset, "topic_id": position.topic_id}
                connection.execute(update(notice_positions).where(of).values(place))
        return taken

    def standings(self, channel: str, give_up_ms: int) -> list[Standing]:
        """What waits for a channel, by kind; what has waited for `give_up_ms` is overdue."""
        now = self._clock.now_ms()
        overdue = func.sum(case((notices.c.made_at <= now - give_up_ms, 1), else_=0))
        due = func.sum(case((notices.c.next_at <= now, 1), else_=0))
        of = (notice_rates.c.channel == notices.c.channel) & (notice_rates.c.kind == notices.c.kind)
        columns = (notices.c.kind, func.count(), due, overdue, func.coalesce(func.max(notice_rates.c.full_at), 0))
        query = select(*columns).select_from(notices.outerjoin(notice_rates, of)).where(_waiting(channel))
        with transaction(self._engine) as connection:
            rows = connection.execute(query.group_by(notices.c.kind).order_by(func.min(notices.c.id))).all()
        return [Standing(kind, int(count), int(ready), int(late), int(full)) for kind, count, ready, late, full in rows]

    def oldest(self, channel: str, kind: str) -> Waiting | None:
        """The notice to try next."""
        ready = _waiting(channel, kind) & (notices.c.next_at <= self._clock.now_ms())
        with transaction(self._engine) as connection:
            row = connection.execute(select(notices).where(ready).order_by(notices.c.id).limit(1)).first()
        return None if row is None else Waiting(row.id, Notice.from_dict(row.notice), row.tries)

    def gather(self, channel: str, kind: str) -> Gathered:
        """All that waits, for a digest."""
        of = _waiting(channel, kind)
        counts = select(notices.c.model, func.count(), func.max(notices.c.id), func.min(notices.c.made_at),
                        func.max(notices.c.made_at)).where(of).group_by(notices.c.model)  # fmt: skip
        newest = select(notices.c.notice).where(of).order_by(notices.c.id.desc()).limit(TITLES)
        with transaction(self._engine) as connection:
            rows = connection.execute(counts).all()
            titles = [str(kept["title"]) for kept in connection.scalars(newest)]
        return Gathered(
            max(row[2] for row in rows), {row[0]: row[1] for row in rows}, min(row[3] for row in rows),
            max(row[4] for row in rows), titles,
        )  # fmt: skip

    def mark_sent(self, channel: str, kind: str, full_at: int, *, row: int | None = None, up_to: int = 0) -> None:
        """A channel has taken one notice (`row`), or a digest of all that wait up to the row `up_to`."""
        of = notices.c.id == row if row is not None else _waiting(channel, kind) & (notices.c.id <= up_to)
        rate = (notice_rates.c.channel == channel) & (notice_rates.c.kind == kind)
        with transaction(self._engine) as connection:
            connection.execute(update(notices).where(of).values(sent_at=self._clock.now_ms()))
            if not connection.execute(update(notice_rates).where(rate).values(full_at=full_at)).rowcount:
                connection.execute(insert(notice_rates).values(channel=channel, kind=kind, full_at=full_at))

    def postpone(self, row: int, delay_s: float) -> None:
        """A notice was refused: it is tried again after so long."""
        values: dict[str, Any] = {"tries": notices.c.tries + 1, "next_at": self._clock.now_ms() + int(delay_s * 1000)}
        with transaction(self._engine) as connection:
            connection.execute(update(notices).where(notices.c.id == row).values(values))

    def tidy(self, channels: Collection[str]) -> dict[str, int]:
        """Forget what was sent long ago, and give up what has waited as long, or waits for a channel that is none of
        these any more; gives how many were given up, by channel. Without any channel, notices begin anew when there
        is one.
        """
        now = self._clock.now_ms()
        gone = notices.c.channel.not_in(list(channels))
        lost = notices.c.sent_at.is_(None) & ((notices.c.made_at <= now - WAIT_MS) | gone)
        with transaction(self._engine) as connection:
            rows = connection.execute(select(notices.c.channel, func.count()).where(lost).group_by(notices.c.channel))
            given_up = {channel: int(count) for channel, count in rows}
            connection.execute(delete(notices).where(lost | (notices.c.made_at <= now - KNOWN_MS)))
            if not channels:
                connection.execute(delete(notice_positions))
        return given_up


def _waiting(channel: str, kind: str | None = None) -> ColumnElement[bool]:
    waiting = (notices.c.channel == channel) & notices.c.sent_at.is_(None)
    return waiting if kind is None else waiting & (notices.c.kind == kind)


def _keep(connection: Connection, channel: str, notice: Notice, now_ms: int) -> int:
    known = (notices.c.notice_id == notice.notice_id) & (notices.c.channel == channel)
    if connection.scalar(select(notices.c.id).where(known)) is not None:
        return 0
    row = {"notice_id": notice.notice_id, "channel": channel, "kind": notice.kind, "model": notice.model,
           "notice": notice.to_dict(), "made_at": now_ms, "next_at": 0, "tries": 0}  # fmt: skip
    connection.execute(insert(notices).values(row))
    return 1
