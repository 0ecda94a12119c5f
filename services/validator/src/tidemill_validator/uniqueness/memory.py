"""All rules against repeats of one partition: which records pass every one of them, and only those are
remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.contracts.quantities import milliseconds
from tidemill_expectations import AnyUnique, UniqueLabel
from tidemill_validator.checks.row_checks import integer_times
from tidemill_validator.uniqueness.dedup import Integers, SeenIds

LONGEST_KEY = 256
Keys: TypeAlias = Sequence[str | None]
"""One rule's keys of some records; None where the rule ignores the record."""


class Memory:
    """What one partition remembers, rule by rule."""

    def __init__(self, rules: Sequence[AnyUnique], limit: int) -> None:
        """`limit`: most keys to hold for each rule."""
        self._seen = [SeenIds(milliseconds(rule.within), limit) for rule in rules]

    def __len__(self) -> int:
        return sum(map(len, self._seen))

    def accept(self, keys: Sequence[Keys], offsets: Integers, times_ms: Integers) -> list[tuple[int, int]]:
        """(position, rule) of every record that repeats something, by the first rule that says so.

        `keys`: of each rule, those of all records. What passes every rule is remembered by every rule: a record
        that is set aside uses nothing up. `offsets` ascend.
        """
        if len(self._seen) == 1 and None not in keys[0]:  # the usual case, without a loop
            return [(k, 0) for k in self._seen[0].accept(keys[0], offsets, times_ms)]  # type: ignore[arg-type]
        repeats = self._repeats(keys)
        gone = {position for position, _ in repeats}
        for seen, own in zip(self._seen, keys, strict=True):
            kept = [k for k, key in enumerate(own) if key is not None and k not in gone]
            seen.accept([own[k] for k in kept], [offsets[k] for k in kept], [times_ms[k] for k in kept])  # type: ignore[misc]
        return repeats

    def _repeats(self, keys: Sequence[Keys]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        here: list[set[str | None]] = [set() for _ in keys]
        for position, own in enumerate(zip(*keys, strict=True)):
            broken = next(
                (
                    rule
                    for rule, key in enumerate(own)
                    if key is not None and (key in here[rule] or key in self._seen[rule])
                ),
                None,
            )
            if broken is not None:
                found.append((position, broken))
                continue
            for rule, key in enumerate(own):
                here[rule].add(key)
        return found

    def restore(self, keys: Sequence[Keys], times_ms: Sequence[int]) -> None:
        """Remember what was read back from clean, oldest first: of each rule, the keys of all records."""
        for seen, own in zip(self._seen, keys, strict=True):
            kept = [k for k, key in enumerate(own) if key is not None]
            seen.restore([own[k] for k in kept], [times_ms[k] for k in kept])  # type: ignore[misc]

    def rewind(self, offset: int) -> None:
        """Forget everything accepted from a raw offset at or after this one."""
        for seen in self._seen:
            seen.rewind(offset)

    def take_forgotten(self) -> int:
        """How many keys were forgotten inside their window since this was last asked."""
        count = sum(seen.forgotten_early for seen in self._seen)
        for seen in self._seen:
            seen.forgotten_early = 0
        return count


def keys_of(rule: AnyUnique, rows: pa.RecordBatch) -> list[str | None]:
    """The key of every row under a rule; None where the rule ignores it. Times are int64 milliseconds."""
    if len(rule.columns) == 1:
        column = rows.column(rule.columns[0])
        if pa.types.is_string(column.type) and (pc.max(pc.binary_length(column)).as_py() or 0) <= LONGEST_KEY:
            return column.to_pylist()  # type: ignore[no-any-return]
        return [None if value is None else _text(value) for value in integer_times(column).to_pylist()]
    if isinstance(rule, UniqueLabel):
        return _label_keys(rows)
    columns = [integer_times(rows.column(name)).to_pylist() for name in rule.columns]
    ignored = {"all_values_are_missing": _all_missing, "any_value_is_missing": _any_missing, "never": _never}
    is_ignored = ignored[rule.ignore_row_if]
    return [None if is_ignored(values) else _text(repr(values)) for values in zip(*columns, strict=True)]


def _label_keys(rows: pa.RecordBatch) -> list[str | None]:
    """`observed_at` in ms, a space, the event id; None where one is missing."""
    observed = integer_times(rows.column("observed_at")).cast(pa.string())
    keys = pc.binary_join_element_wise(observed, rows.column("event_id"), " ")
    found: list[str | None] = keys.to_pylist()
    if (pc.max(pc.binary_length(keys)).as_py() or 0) <= LONGEST_KEY:
        return found
    return [None if key is None else _text(key) for key in found]


def read_back(rules: Sequence[AnyUnique], event_time: str, record: pa.RecordBatch) -> tuple[list[Any], list[int]]:
    """(keys, event times in ms) of clean rows: a key is that of the only rule, or one for each rule."""
    keys = [keys_of(rule, record) for rule in rules]
    times = integer_times(record.column(event_time)).to_pylist()
    return keys[0] if len(keys) == 1 else list(zip(*keys, strict=True)), times


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_KEY else _digest(text)


def _digest(text: str) -> str:
    """What stands for a long key, so that memory stays bounded."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _all_missing(values: Iterable[object]) -> bool:
    return all(value is None for value in values)


def _any_missing(values: Iterable[object]) -> bool:
    return any(value is None for value in values)


def _never(_: Iterable[object]) -> bool:
    return False
