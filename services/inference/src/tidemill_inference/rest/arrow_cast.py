"""Rows in columns of whatever types a client has, to the columns of a model's record. Strict: a value that does not
fit exactly is an error with its column, never rounded or cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from tidemill.contracts.schemas.catalog import Schema
from tidemill.json.rows import LISTED_FIELDS, Convert, field_converters
from tidemill.json.values import cut
from tidemill.nearest import did_you_mean
from tidemill.sources.fitting import settle_column
from tidemill_inference.rest.arrow_sizes import is_plain
from tidemill_inference.rest.request_checks import ABSENT, MOST_ERRORS, SCHEMA_RULE, InstanceError, InvalidInstances


def check_columns(given: pa.Schema, columns: pa.Schema) -> None:
    """Raise InvalidInstances for a schema with columns that the record does not have, that stand twice, or that no
    column of the record can be made of. Looks at no row.
    """
    names, known = given.names, frozenset(columns.names)
    if len(set(names)) < len(names):
        raise InvalidInstances([InstanceError(0, "", "a column stands twice")])
    unknown = [name for name in names if name not in known]
    errors = [
        InstanceError(
            0, cut(name), f"is not a field of the record{did_you_mean(name, known)}", SCHEMA_RULE, _name(kind)
        )
        for name, kind in ((name, given.field(name).type) for name in unknown[:LISTED_FIELDS])
    ]
    if len(unknown) > LISTED_FIELDS:
        reason = f"{len(unknown) - LISTED_FIELDS} more columns are not fields of the record"
        errors.append(InstanceError(0, "", reason, SCHEMA_RULE, ABSENT))
    for field in given:
        if field.name in known and not _is_readable(field.type, columns.field(field.name).type):
            wanted = columns.field(field.name).type
            reason = f"cannot be read as {wanted}: {_name(field.type)} is not {wanted}"
            errors.append(InstanceError(0, field.name, reason, SCHEMA_RULE, _name(field.type)))
    if errors:
        raise InvalidInstances(errors)


def _is_readable(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column is plain, a dictionary of plain values, or just of the type that is wanted. Others may become
    larger than anybody can tell before they are decoded.
    """
    values = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    return is_plain(values) or kind == wanted


def as_record(rows: pa.RecordBatch, columns: pa.Schema, record: Schema, filled: Mapping[str, Any]) -> pa.RecordBatch:
    """All fields of the record, in its order and types. `filled`: a value or a list of values for a column that is
    left out or null. Raises InvalidInstances, with the first index at which a column is wrong where that is known.
    """
    check_columns(rows.schema, columns)
    errors: list[InstanceError] = []
    found: list[pa.Array] = []
    converters = _converters(record)
    for avro in record.json["fields"]:
        field = columns.field(avro["name"])
        try:
            found.append(_column(rows, field, avro, filled, converters[avro["name"]]))
        except InvalidInstances as error:
            errors += error.errors
    if errors:
        raise InvalidInstances(errors)
    return pa.RecordBatch.from_arrays(
        found, schema=pa.schema([columns.field(f["name"]) for f in record.json["fields"]])
    )


_converters = lru_cache(maxsize=256)(field_converters)


def _column(
    rows: pa.RecordBatch, field: pa.Field, avro: Mapping[str, Any], filled: Mapping[str, Any], convert: Convert
) -> pa.Array:
    n = rows.num_rows
    given = field.name in rows.schema.names
    if not given and field.name not in filled:
        if "default" not in avro and not field.nullable:
            raise InvalidInstances([InstanceError(0, field.name, "is missing", SCHEMA_RULE, ABSENT)])
        return pa.array([avro.get("default")] * n, field.type)
    column = _settled(rows.column(field.name), field, avro, convert) if given else pa.nulls(n, field.type)
    if field.name in filled and column.null_count:
        value = filled[field.name]
        other = pa.array(value if isinstance(value, list) else [value] * n, field.type)
        column = column.fill_null(other) if not given else _filled(column, other)
    if not field.nullable and column.null_count:
        first = column.is_null().to_pylist().index(True)
        kind = str(rows.schema.field(field.name).type)
        raise InvalidInstances([InstanceError(first, field.name, "is null", SCHEMA_RULE, kind)])
    return column


def _filled(column: pa.Array, other: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.coalesce(column, other)


def _settled(column: pa.Array, field: pa.Field, avro: Mapping[str, Any], convert: Convert) -> pa.Array:
    """The column by the rule of every way in: what columns don't settle is judged value by value."""
    found, errors = settle_column(column, field, avro["type"], None, convert)
    if errors:
        kind = str(column.type)
        told = [InstanceError(index, field.name, reason, SCHEMA_RULE, kind) for index, reason in errors.items()]
        raise InvalidInstances(told[:MOST_ERRORS])
    return found


def _unknown(name: str, kind: pa.DataType, known: frozenset[str]) -> InstanceError:
    reason = f"is not a field of the record{did_you_mean(name, known)}"
    return InstanceError(0, cut(name), reason, SCHEMA_RULE, _name(kind))


def _name(kind: pa.DataType) -> str:
    return cut(str(kind))
