"""DataFrames and tables, in and out: pandas, polars, pyarrow, and whatever hands over an Arrow stream.

pyarrow is imported where a table is given, and only there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeGuard, cast, runtime_checkable

from tidemill.client.errors import InvalidRows, MissingPackage, RowError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NEEDED", "ArrowTable", "Data", "as_rows", "as_table", "is_table", "like", "rows_of"]

ROWS_AT_ONCE = 1_000
NEEDED: Final = "pip install 'tidemill-core[client,columns]'"


@runtime_checkable
class ArrowTable(Protocol):
    """A table by the Arrow PyCapsule interface: a DataFrame of pandas or polars, a pyarrow Table or RecordBatchReader,
    and others.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Rows: TypeAlias = Iterable[Mapping[str, Any]]
Data: TypeAlias = Mapping[str, Any] | Rows | ArrowTable


def is_table(data: Data) -> TypeGuard[ArrowTable]:
    """Whether it comes in columns."""
    return isinstance(data, ArrowTable) or _is_of(data, "pandas")


def as_rows(data: Data) -> Iterator[Mapping[str, Any]]:
    """Rows one by one, whatever they come as; one mapping is one row."""
    if isinstance(data, Mapping):
        yield data
    elif is_table(data):
        yield from rows_of(as_table(data))
    else:
        yield from cast(Rows, data)


def rows_of(table: pa.Table) -> Iterator[Mapping[str, Any]]:
    """The rows of a table as Python has them; times to the microsecond."""
    import pyarrow as pa

    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = [
            column.cast(pa.timestamp("us", column.type.tz), safe=False) if _in_nanoseconds(column.type) else column
            for column in batch.columns
        ]
        yield from pa.RecordBatch.from_arrays(columns, batch.schema.names).to_pylist()


def as_table(data: ArrowTable) -> pa.Table:
    """Its columns. Raises MissingPackage without pyarrow, InvalidRows for a column of several types."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingPackage(f"DataFrames and tables need pyarrow: {NEEDED}") from error
    try:
        table = pa.Table.from_pandas(data, preserve_index=False) if _is_of(data, "pandas") else pa.table(data)
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = " ".join(str(part) for part in error.args)
        cure = "give each column one type and a name of its own"
        raise InvalidRows([RowError(0, "", f"the table has no columns of one type each ({reason}): {cure}")]) from error
    if len(set(table.column_names)) < len(table.column_names):
        raise InvalidRows([RowError(0, "", "a column stands twice")])
    return table


def like(data: ArrowTable, table: pa.Table) -> Any:
    """A table as the caller has its own: a DataFrame of pandas with the same index, one of polars, else pyarrow's."""
    if _is_of(data, "pandas"):
        frame = table.to_pandas()
        frame.index = data.index  # type: ignore[attr-defined]
        return frame
    return data.__class__(table) if _is_of(data, "polars") else table  # type: ignore[call-arg]


def _is_of(data: object, package: str) -> bool:
    return type(data).__module__.partition(".")[0] == package and type(data).__name__ == "DataFrame"


def _in_nanoseconds(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(kind)) and kind.unit == "ns"
