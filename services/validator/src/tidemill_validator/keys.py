"""The record keys of clean: as they came, or as they should have been, or as a privacy rule on the entity wants."""

from __future__ import annotations

from tidemill.fields import TextRule
from tidemill.kafka.batch import Batch
from tidemill_validator.judge import Judgement, integer_times
from tidemill_validator.picking import Picked


class Keys:
    """Keys of one topic's clean records.

    A record without a key gets the one that it should have had: the entity as UTF-8, or the event id where that is
    null or hidden. On a topic of someone else's keys may be anything: all are made anew. With a privacy rule on
    the entity no key is left as it came: an event's is made from its hidden entity, a label's, which is the
    entity too, goes through the rule itself.
    """

    def __init__(self, event_id: str, entity: str | None, hidden: TextRule | None, *, foreign: bool = False) -> None:
        """`entity`: its field, None for labels, which have none. `hidden`: the privacy rule on it. `foreign`: the
        topic is someone else's.
        """
        self._event_id = event_id
        self._entity = entity
        self._hidden = hidden
        self._foreign = foreign

    def of(self, batch: Batch, judgement: Judgement, picked: Picked) -> list[bytes | None]:
        """The keys of the picked records."""
        given = picked.of(batch.keys)
        if self._hidden is None and not self._foreign and (all(given) or None not in given):
            return given
        positions = picked.places.tolist()
        if self._hidden is None and not self._foreign:
            own = self._own(judgement)
            return [own[k] if key is None else key for k, key in zip(positions, given, strict=True)]
        own = self._own(judgement)
        rule = self._hidden
        if rule is None or self._foreign or self._entity is not None:
            return [own[k] for k in positions]
        return [_through(rule, key, own[k]) for k, key in zip(positions, given, strict=True)]

    def _own(self, judgement: Judgement) -> dict[int, bytes]:
        ids, entities = (
            integer_times(judgement.record.column(name)).to_pylist()
            for name in (self._event_id, self._entity or self._event_id)
        )
        empty = (None, "") if self._hidden else (None,)
        keys = [str(i if e in empty else e).encode() for e, i in zip(entities, ids, strict=True)]
        return dict(zip(judgement.index.tolist(), keys, strict=True))


def _through(rule: TextRule, key: bytes | None, event_id: bytes) -> bytes:
    """A label's key after the rule; the event id stays, and stands where nothing is left."""
    if key is None or key == event_id:
        return event_id
    text = rule(key.decode("utf-8", errors="surrogateescape"))
    return text.encode("utf-8", errors="surrogateescape") if text else event_id
