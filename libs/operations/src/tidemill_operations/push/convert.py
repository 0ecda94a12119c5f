"""Columns of a file to columns of a record, strictly: a value that does not fit makes an error of its row,
never a guess.

Typed values (JSONL, Parquet) go by the rule of REST and of sources, `tidemill.json.rows` and
`tidemill.sources.fitting`. Text of CSV is first read for what its field wants (`tidemill_operations.push.files.text`),
then goes the same way. docs/values.md has the rule in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.codec.layout import layout_of
from tidemill.contracts.schemas.avro_types import beside_null, is_nullable
from tidemill.contracts.schemas.catalog import make_schema
from tidemill.json.python_values import fit_value, kind_of
from tidemill.json.rows import Convert, field_converters
from tidemill.json.values import FieldError
from tidemill.sources.fitting import fit_column, python_value
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.reading import RowError
from tidemill_operations.push.files.text import as_text, read_text, read_time

DEFAULT: Final = Choices()
_TIME: Final = {"type": "long", "logicalType": "timestamp-millis"}
_QUICK: Final = {
    "whole": r"^-?[0-9]{1,18}$",
    "number": r"^-?[0-9]{1,15}(\.[0-9]{1,15})?([eE]-?[0-9]{1,2})?$",
}
"""Texts that are the same number to Arrow as to Python."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record; one that is not `nullable` and has no `default` must be there.

    `kind`: an Avro type's name, or `time`. `avro`: the type beside null where the name does not say it all.
    """

    name: str
    kind: str
    nullable: bool
    avro: str | None = None
    default: Any = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """`avro`: the type beside null; `wanted`: the column's; `convert`: JSON's value to the record's."""

    avro: Any
    wanted: pa.Field
    convert: Convert


def record_fields(avro_fields: Sequence[dict[str, Any]]) -> list[Field]:
    """The fields of an Avro record that a file can fill. Raises ValueError for one of a type that no column
    holds.
    """
    return [_field(field) for field in avro_fields]


def _field(avro: dict[str, Any]) -> Field:
    import json

    node = beside_null(avro["type"])
    timed = isinstance(node, dict) and node.get("logicalType") == "timestamp-millis"
    kind = "time" if timed else str(node["type"]) if isinstance(node, dict) else str(node)
    field = Field(avro["name"], kind, is_nullable(avro["type"]), json.dumps(node), avro.get("default"))
    if node is None or kind in ("null", "record", "array", "map", "fixed") or _rule_or_none(field) is None:
        raise ValueError(f"the field {avro['name']!r} has a type that a column of a file cannot hold: {avro['type']}")
    return field


def _rule_or_none(field: Field) -> _Rule | None:
    try:
        return _rule(field)
    except (ValueError, TypeError):
        return None


@lru_cache(maxsize=1024)
def _rule(field: Field) -> _Rule:
    import json

    avro = json.loads(field.avro) if field.avro else _TIME if field.kind == "time" else field.kind
    node = {"type": "record", "name": "File", "fields": [{"name": field.name, "type": ["null", avro]}]}
    layout = layout_of(node)
    if layout is None:
        raise ValueError(f"columns do not hold {avro}")
    return _Rule(avro, layout.arrow.field(0), field_converters(make_schema("file", node))[field.name])


def convert(
    frame: pl.DataFrame, lines: Sequence[int], fields: Sequence[Field], choices: Choices = DEFAULT, *,
    written: bool = True,
) -> tuple[pl.DataFrame, list[RowError]]:  # fmt: skip
    """The record's columns of `frame`, all rows, and what was wrong: rows named in an error are not fit to be
    sent.

    `written`: columns of text are text of CSV, which stands for numbers, times and truths; else text is text. A field
    without a column has its default, or is null.
    """
    columns: list[pl.Series] = []
    errors: list[RowError] = []
    for field in fields:
        given = field.name in frame.columns
        source = frame[field.name] if given else pl.Series(field.name, [None] * len(frame), dtype=pl.Null)
        column, failed = _column(source, field, choices, written=written)
        errors.extend(RowError(lines[row], field.name, reason) for row, reason in failed.items())
        if field.default is not None and not (given and field.nullable):
            column = pc.coalesce(column, pa.scalar(field.default, column.type))
        if column.null_count and not field.nullable:
            missing = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist()
            errors.extend(RowError(lines[row], field.name, "is missing") for row in missing if row not in failed)
        made = pl.from_arrow(column)
        assert isinstance(made, pl.Series)
        columns.append(made.alias(field.name))
    return pl.DataFrame(columns), errors


def _column(
    source: pl.Series, field: Field, choices: Choices, *, written: bool
) -> tuple[pa.Array, dict[int, str]]:  # fmt: skip
    """The column of the record, and by row why its value is none."""
    rule = _rule(field)
    kind = kind_of(rule.avro)
    if source.dtype == pl.Object:
        values, column = source.to_list(), pa.nulls(len(source), rule.wanted.type)
        slow = [row for row, value in enumerate(values) if value is not None]
    else:
        given = source.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        text = written and source.dtype == pl.String
        column, fits = _quick_text(given, rule, kind, choices) if text else _quick_typed(given, rule, kind, choices)
        slow = np.flatnonzero(~fits).tolist()
        values = given
    if not slow:
        return column, {}
    errors: dict[int, str] = {}
    data: list[Any] = []
    for row in slow:
        value: Any = None
        try:
            value = values[row] if isinstance(values, list) else python_value(values[row])
            data.append(_one(value, field.name, rule, kind, choices, written))
        except FieldError as error:
            errors[row] = _with_cure(error.reason, value, kind, choices)
            data.append(None)
    mask = np.zeros(len(source), dtype=np.bool_)
    mask[slow] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(data, rule.wanted.type)), errors


def _one(value: Any, name: str, rule: _Rule, kind: str, choices: Choices, written: bool) -> Any:
    """One value that is there as the record has it; None where it turns out to be missing. Raises FieldError."""
    if isinstance(value, str) and value in choices.null_words and not written:
        return None
    if choices.as_text and not written and kind not in ("string", "other"):
        value = as_text(value)
    if isinstance(value, str) and (written or choices.as_text):
        value = read_text(value, kind, choices)
    if kind == "time":
        value = read_time(value, choices)
    value = fit_value(value, rule.avro, choices.time_unit)
    return None if value is None else rule.convert(value, name)


def _quick_text(given: pa.Array, rule: _Rule, kind: str, choices: Choices) -> tuple[pa.Array, Any]:
    """The rows of CSV's text that one cast settles, the others null; and which those are."""
    given = given.cast(pa.string())
    if kind == "string":
        return fit_column(given, rule.wanted, rule.avro, None)
    if kind == "time" and choices.date_format is None:
        return fit_column(given, rule.wanted, rule.avro, None)
    if kind not in _QUICK or (kind == "number" and choices.decimal_comma):
        return pa.nulls(len(given), rule.wanted.type), given.is_null().to_numpy(zero_copy_only=False)
    good = pc.match_substring_regex(given, _QUICK[kind])
    texts = pc.if_else(good, given, pa.scalar(None, pa.string()))
    numbers = texts.cast(pa.int64() if kind == "whole" else pa.float64())
    column, fits = fit_column(numbers, rule.wanted, rule.avro, None)
    return column, fits & np.asarray(good.fill_null(True).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _quick_typed(given: pa.Array, rule: _Rule, kind: str, choices: Choices) -> tuple[pa.Array, Any]:
    """The same for columns with types of their own."""
    texts = pa.types.is_string(given.type) or pa.types.is_large_string(given.type)
    encoded = pa.types.is_dictionary(given.type)
    asks = (choices.null_words and (texts or encoded)) or (choices.as_text and kind not in ("string", "other"))
    if asks or (kind == "time" and choices.date_format and (texts or encoded)):
        return pa.nulls(len(given), rule.wanted.type), given.is_null().to_numpy(zero_copy_only=False)
    if kind == "time" and choices.timezone and pa.types.is_timestamp(given.type) and given.type.tz is None:
        try:
            given = pc.assume_timezone(given, str(choices.timezone))
        except (pa.ArrowInvalid, ValueError):
            return pa.nulls(len(given), rule.wanted.type), given.is_null().to_numpy(zero_copy_only=False)
    return fit_column(given, rule.wanted, rule.avro, choices.time_unit)


def _with_cure(reason: str, value: Any, kind: str, choices: Choices) -> str:
    """What a person at the command line can do about it."""
    if kind == "time":
        if "has no offset" in reason:
            return f"{reason}; or say --timezone, such as UTC"
        if "is not an ISO-8601 time" in reason or "a time: ISO-8601" in reason:
            return f"{reason}; --date-format reads others, such as %d/%m/%Y"
        return reason.replace("state its unit", "state its unit with --time-unit")
    if isinstance(value, str) and kind in ("number", "whole") and "," in value and not choices.decimal_comma:
        return f"{reason}; --decimal-comma reads such as 1,5"
    return reason
