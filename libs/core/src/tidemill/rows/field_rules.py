"""What a model file does to single fields: `normalise` before a record is checked, `privacy` before it is clean.

The one implementation for streams (columns) and REST (rows). Text is changed by one Python function for each
distinct value, so the two forms are the same by construction (a mask has a form for columns); numbers by the same
float64 arithmetic. A column's answer says which rows changed: only those are encoded anew.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tidemill.contracts.model_file.spec import PrivacyRule, Step
from tidemill.contracts.schemas.avro_types import field_type
from tidemill.errors import ConfigError
from tidemill.rows.memo import Remembering

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

WHITE_SPACE = re.compile(r"\s+")
HASH_CHARACTERS = 32
"""Of the 64 hexadecimal digits of HMAC-SHA-256: 128 bits, no two values of any stream meet by chance."""
SHORTEST_KEY = 16
MOST_HASHES = 65_536
"""Hashes of values that were seen, per field: entities come again, and a look costs a tenth of a hash."""
MASK = "*"

TextRule = Callable[[str], str | None]


def normalised(value: Any, steps: tuple[Step, ...]) -> Any:
    """One value after its steps, in order. Null stays null; a value of another type than its steps are for
    stays as it is.
    """
    if isinstance(value, str):
        return text_rule(steps)(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for step in steps:
            value = value * step.factor + step.offset if step.kind == "linear" else value
    return value


def normalised_record(record: dict[str, Any], rules: Mapping[str, tuple[Step, ...]]) -> dict[str, Any]:
    """A record with its fields normalised; the record itself where there are no rules."""
    if not rules:
        return record
    return record | {name: normalised(record[name], steps) for name, steps in rules.items() if name in record}


def text_rule(steps: tuple[Step, ...]) -> TextRule:
    """The steps on text as one function; what has become null stays null."""
    functions = [_text_step(step) for step in steps]

    def apply(text: str) -> str | None:
        found: str | None = text
        for function in functions:
            found = found if found is None else function(found)
        return found

    return apply


def _text_step(step: Step) -> TextRule:
    plain: dict[str, TextRule] = {
        "trim": str.strip,
        "lower": str.lower,
        "upper": str.upper,
        "collapse": lambda text: WHITE_SPACE.sub(" ", text),
    }
    if step.kind in plain:
        return plain[step.kind]
    mapping = dict(step.mapping)
    if step.kind != "map":
        return lambda text: text
    return lambda text: mapping.get(text, step.other if step.closed else text)


def privacy_rule(rule: PrivacyRule, key: bytes | None) -> TextRule:
    """A rule on text as one function. Raises ConfigError for a hash without a key."""
    if rule.kind == "drop":
        return lambda _: None
    if rule.kind == "mask":
        return lambda text: masked(text, rule.keep_last)
    if key is None:
        raise ConfigError("a privacy rule of hash needs a key: set TIDEMILL_PRIVACY_KEY_FILE")
    return lambda text: hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256").hex()[:HASH_CHARACTERS]


class HiddenRecords:
    """`privacy` of a model file for single records: the row form of `FieldRules.hiding`, without pyarrow."""

    def __init__(self, rules: Mapping[str, PrivacyRule], types: Mapping[str, Any], key: bytes | None) -> None:
        """`types`: the record's fields, each with its Avro type. Raises ConfigError for a hash without a key."""
        self._rules = {
            name: _dropped(types[name]) if rule.kind == "drop" else _unless_null(privacy_rule(rule, key))
            for name, rule in rules.items()
        }

    @property
    def fields(self) -> frozenset[str]:
        """The fields that are no longer as they were."""
        return frozenset(self._rules)

    def apply(self, record: dict[str, Any]) -> dict[str, Any]:
        """A full record as clean would hold it; the record itself where there are no rules."""
        if not self._rules:
            return record
        return record | {name: rule(record[name]) for name, rule in self._rules.items()}


def _dropped(avro: Any) -> Callable[[Any], Any]:
    kind, nullable = field_type(avro)
    zero = None if nullable else {"string": "", "boolean": False, "bytes": b""}.get(kind, 0)
    return lambda _: zero


def _unless_null(rule: TextRule) -> Callable[[Any], Any]:
    return lambda value: None if value is None else rule(value)


def masked(text: str, keep_last: int) -> str:
    """Asterisks but for the last characters; a text no longer than those is masked as a whole."""
    if len(text) <= keep_last:
        return MASK * len(text)
    return MASK * (len(text) - keep_last) + text[len(text) - keep_last :]


def read_privacy_key(path: Path | None) -> bytes | None:
    """The key in a file, without a line break at its end; None without a file. Raises ConfigError where it cannot
    be read or is shorter than 16 bytes.
    """
    if path is None:
        return None
    try:
        key = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ConfigError(f"cannot read the privacy key {path}: {error}") from error
    if len(key) < SHORTEST_KEY:
        raise ConfigError(f"the privacy key {path} has {len(key)} bytes: it needs at least {SHORTEST_KEY}")
    return key


class FieldRules:
    """Rules for columns of one record, compiled. Stateless after construction; needs pyarrow and numpy."""

    def __init__(self, rules: Mapping[str, Callable[[pa.Array], pa.Array]] | None = None) -> None:
        self._rules = dict(rules or {})

    def __bool__(self) -> bool:
        return bool(self._rules)

    @classmethod
    def normalising(cls, steps: Mapping[str, tuple[Step, ...]]) -> FieldRules:
        """`normalise` of a model file."""
        return cls({name: _normalising(own) for name, own in steps.items()})

    @classmethod
    def hiding(cls, rules: Mapping[str, PrivacyRule], required: frozenset[str], key: bytes | None) -> FieldRules:
        """`privacy` of a model file. `required`: fields that admit no null, whose dropped values are the zero of
        their type. Raises ConfigError for a hash without a key."""
        return cls(
            {
                name: _dropping(name in required) if rule.kind == "drop" else _hiding(rule, privacy_rule(rule, key))
                for name, rule in rules.items()
            }
        )

    def apply(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, npt.NDArray[np.bool_]]:
        """The rows after the rules, and which of them are no longer as they were: bool [rows].

        Columns that did not change are the same arrays.
        """
        import numpy as np

        changed = np.zeros(rows.num_rows, dtype=np.bool_)
        for name, rule in self._rules.items():
            at = rows.schema.get_field_index(name)
            column = rows.column(at)
            made = rule(column)
            if made is not column:
                changed |= _different(column, made)
                rows = rows.set_column(at, rows.schema.field(at), made)
        return rows, changed


def _normalising(steps: tuple[Step, ...]) -> Callable[[pa.Array], pa.Array]:
    if all(step.kind == "linear" for step in steps):
        return lambda column: _linear(column, steps)
    return _by_value(text_rule(steps))


def _by_value(function: TextRule) -> Callable[[pa.Array], pa.Array]:
    """The function of each distinct value; the column itself where none changes."""

    def apply(column: pa.Array) -> pa.Array:
        import pyarrow as pa

        encoded = column.dictionary_encode()
        before = encoded.dictionary.to_pylist()
        many = function.many if isinstance(function, Remembering) else None
        after = many(before) if many else [None if value is None else function(value) for value in before]
        if before == after:
            return column
        return pa.array(after, type=column.type).take(encoded.indices)

    return apply


def _hiding(rule: PrivacyRule, function: TextRule) -> Callable[[pa.Array], pa.Array]:
    return _masking(rule.keep_last) if rule.kind == "mask" else _by_value(Remembering(function, MOST_HASHES))


def _masking(keep_last: int) -> Callable[[pa.Array], pa.Array]:
    """`masked` of every value; the column itself where none changes."""

    def apply(column: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        lengths = pc.utf8_length(column)
        longer = pc.greater(lengths, keep_last)
        made = pc.binary_repeat(MASK, pc.if_else(longer, pc.subtract(lengths, keep_last), lengths))
        if keep_last:
            made = pc.binary_join_element_wise(
                made, pc.if_else(longer, pc.utf8_slice_codeunits(column, -keep_last), ""), ""
            )
        made = made.cast(column.type)
        return column if made.equals(column) else made

    return apply


def _linear(column: pa.Array, steps: tuple[Step, ...]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    made = column.cast(pa.float64())
    for step in steps:
        made = pc.add(pc.multiply(made, step.factor), step.offset)
    return made.cast(column.type)


def _dropping(required: bool) -> Callable[[pa.Array], pa.Array]:
    def apply(column: pa.Array) -> pa.Array:
        import pyarrow as pa

        if required:
            return pa.array([_zero(column.type)] * len(column), column.type)
        return column if column.null_count == len(column) else pa.nulls(len(column), column.type)

    return apply


def _zero(kind: pa.DataType) -> Any:
    """What stands for a dropped value of a type that admits no null."""
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_binary(kind):
        return b""
    return "" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else 0


def _different(before: pa.Array, after: pa.Array) -> npt.NDArray[np.bool_]:
    """Where two arrays differ; two nulls are equal, a NaN differs from all and is only encoded once more."""
    import numpy as np
    import pyarrow.compute as pc

    differs = pc.fill_null(pc.not_equal(before, after), False)
    nulls = pc.xor(pc.is_null(before), pc.is_null(after))
    found: npt.NDArray[np.bool_] = np.asarray(pc.or_(differs, nulls).to_numpy(zero_copy_only=False), dtype=np.bool_)
    return found
