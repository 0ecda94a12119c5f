"""The record keys of clean: as they came, or as they should have been, or as a privacy rule on the entity wants."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.kafka.batch import Batch
from tidemill.rows.field_rules import TextRule
from tidemill_validator.checks.partition_slices import Picked
from tidemill_validator.checks.row_checks import Judgement, Positions, integer_times


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

    def of(self, batch: Batch, judgement: Judgement, accepted: Positions, picked: Picked) -> list[bytes | None]:
        """The keys of the accepted rows; `picked`: where they stand in the batch."""
        given = picked.of(batch.keys)
        plain = self._hidden is None and not self._foreign
        if plain and (all(given) or None not in given):
            return given
        own = Picked(accepted, judgement.record.num_rows).of(self._own(judgement))
        if plain:
            return [made if key is None else key for made, key in zip(own, given, strict=True)]
        rule = self._hidden
        if rule is None or self._foreign or self._entity is not None:
            return [*own]
        return [_through(rule, key, made) for made, key in zip(own, given, strict=True)]

    def _own(self, judgement: Judgement) -> list[bytes]:
        """The keys that the rows should have had."""
        ids, entities = (judgement.record.column(name) for name in (self._event_id, self._entity or self._event_id))
        if pa.types.is_string(ids.type) and pa.types.is_string(entities.type):
            absent = pc.is_null(entities)
            if self._hidden:
                absent = pc.or_(absent, pc.fill_null(pc.equal(entities, ""), False))
            return pc.if_else(absent, ids, entities).cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]
        empty = (None, "") if self._hidden else (None,)
        pairs = zip(integer_times(entities).to_pylist(), integer_times(ids).to_pylist(), strict=True)
        return [str(i if e in empty else e).encode() for e, i in pairs]


def _through(rule: TextRule, key: bytes | None, event_id: bytes) -> bytes:
    """A label's key after the rule; the event id stays, and stands where nothing is left."""
    if key is None or key == event_id:
        return event_id
    text = rule(key.decode("utf-8", errors="surrogateescape"))
    return text.encode("utf-8", errors="surrogateescape") if text else event_id
