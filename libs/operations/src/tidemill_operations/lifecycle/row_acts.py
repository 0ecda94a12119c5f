"""Retention of rows in the audit log: noted before any row goes, and read by whoever finds rows missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidemill_operations.acts import acts_on, note_act
from tidemill_operations.lifecycle.aged import Place

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

ACT, DONE = "tidy.rows", "tidy.rows.done"


@dataclass(frozen=True, slots=True)
class RowsGone:
    """One act. `at_ms`: when it was begun; `before_ms`: rows of earlier events went; `places`: the first and the last
    offset among them; `gone_at`: the first version of the table without them, None where it was killed before that was
    known.
    """

    at_ms: int
    before_ms: int
    places: Mapping[Place, tuple[int, int]]
    gone_at: int | None = None

    def concerns(self, data_set: Mapping[str, Any], since_us: int | None = None) -> bool:
        """Whether a data set (`table_version`, `offsets`) may have rows of it; it has no event before `since_us`."""
        if self.gone_at is not None and data_set["table_version"] >= self.gone_at:
            return False
        if since_us is not None and since_us >= self.before_ms * 1_000:
            return False
        return overlap(self.places, data_set["offsets"])


def overlap(places: Mapping[Place, tuple[int, int]], offsets: Iterable[Mapping[str, Any]]) -> bool:
    """Whether ranges of a data set (`topic`, `partition`, `first`, `last`) reach into these."""
    ranges = list(offsets)
    return any(
        (one["topic"], one["partition"]) == (topic, number) and one["first"] <= last and first <= one["last"]
        for (topic, number, _), (first, last) in places.items()
        for one in ranges
    )


def note_rows(
    platform: PlatformView, model: str, before_ms: int, rows: Mapping[str, int],
    places: Mapping[Place, tuple[int, int]],
) -> None:  # fmt: skip
    """Note that rows of events before a time are about to go. Raises ConfigError where the database cannot be reached:
    then none is to go.
    """
    told = {
        f"{topic}{f'@{topic_id}' if topic_id else ''}/{number}": list(span)
        for (topic, number, topic_id), span in sorted(places.items())
    }
    note_act(platform, ACT, model, before=before_ms, rows=dict(rows), offsets=told)


def note_gone(platform: PlatformView, model: str, table_version: int) -> None:
    """Note that from this version of the model's table on they are not there. Raises ConfigError."""
    note_act(platform, DONE, model, table_version=table_version)


def rows_gone(platform: PlatformView, model: str) -> list[RowsGone]:
    """All acts of retention on a model's table, oldest first. Raises ConfigError where the database cannot be read."""
    found: list[RowsGone] = []
    gone_at: int | None = None
    for act in reversed(acts_on(platform, model)):
        detail = act["detail"]
        if act["act"] == DONE:
            gone_at = detail["table_version"]
        elif act["act"] == ACT:
            places = {_place(place): (first, last) for place, (first, last) in detail["offsets"].items()}
            found.append(RowsGone(act["at"], detail["before"], places, gone_at))
    return found[::-1]


def told_gone(
    platform: PlatformView, model: str, data_set: Mapping[str, Any], since_us: int | None = None
) -> list[str]:
    """What is to be said of a version with this data set: that the training table has lost rows of it. Nothing where it
    has none lost, or where the database does not tell.
    """
    from tidemill.errors import ConfigError

    try:
        found = [one for one in rows_gone(platform, model) if one.concerns(data_set, since_us)]
    except (ConfigError, ImportError):  # its driver may not be installed where people only trace
        return []
    if not found:
        return []
    newest = max(found, key=lambda one: one.before_ms)
    return [
        f"the training table has no rows of events before {minute(newest.before_ms)} any more: retention took them on "
        f"{minute(newest.at_ms)[:10]} (tidemill tidy)"
    ]


def minute(ms: int) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def _place(written: str) -> Place:
    name, _, number = written.rpartition("/")
    topic, _, topic_id = name.partition("@")
    return topic, int(number), topic_id
