"""Rows of a Parquet file, chunk by chunk, in the types that they have there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tidemill_operations.push.files.lines import UnreadableFile
from tidemill_operations.push.files.reading import Chunk, RowError


def count_parquet(path: Path) -> int:
    """How many rows the file says that it has."""
    return int(pq.read_metadata(path).num_rows)


def parquet_chunks(path: Path, size: int) -> Iterator[Chunk]:
    """Chunks of up to `size` rows. Raises UnreadableFile for what is no Parquet file, breaks off, or names a column
    twice.
    """
    first = 1
    try:
        with pq.ParquetFile(path) as file:
            twice = [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]
            if twice:
                raise UnreadableFile(
                    f"{path.name} has more than one column {', '.join(map(repr, twice))}: which is meant cannot be "
                    "told, so rename or drop the others"
                )
            for batch in file.iter_batches(batch_size=size):
                yield _chunk(batch, first)
                first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        what = "not a Parquet file" if first == 1 else f"damaged behind row {first - 1:,}"
        raise UnreadableFile(f"{path.name}: {what}: {error}") from error


def _chunk(batch: pa.RecordBatch, first: int) -> Chunk:
    """Text that is not UTF-8 makes an error of its row."""
    errors: dict[int, RowError] = {}
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        sound, bad = _sound(column)
        columns.append(sound)
        errors |= {row: RowError(first + row, name, "is not text in UTF-8") for row in bad}
    good = [row for row in range(batch.num_rows) if row not in errors]
    rows = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    frame = pl.from_arrow(rows.take(pa.array(good, pa.int64())) if errors else rows)
    assert isinstance(frame, pl.DataFrame)
    return Chunk(batch.num_rows, frame, [first + row for row in good], list(errors.values()), good, written=False)


def _sound(column: pa.Array) -> tuple[pa.Array, list[int]]:
    """A column as polars can take it, and the rows that are no text though they should be."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit, "UTC")), []  # polars knows no zones such as +01:00
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column, []
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        texts = [_text(value) for value in column.cast(pa.large_binary()).to_pylist()]
        present = column.is_valid().to_pylist()
        return pa.array(texts, kind), [row for row, text in enumerate(texts) if text is None and present[row]]
    return column, []


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
