"""Files of rows, read chunk by chunk with the line of every row: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

CSV_ENDINGS = {".csv", ".tsv"}
JSON_ENDINGS = {".jsonl", ".ndjson"}
PARQUET_ENDINGS = {".parquet", ".pq"}


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row was not sent. `line`: 1-based line of a text file, 1-based row of a Parquet file."""

    line: int
    field: str | None
    reason: str


@dataclass(slots=True)
class Chunk:
    """Rows as they stand in the file. `rows`: how many rows of the file it covers, unreadable ones included.

    `frame` holds the readable rows (text columns for CSV, the file's own types otherwise), `lines` the line
    of each.
    """

    rows: int
    frame: pl.DataFrame
    lines: list[int]
    errors: list[RowError] = field(default_factory=list)


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; the message says what is expected."""


def read_chunks(path: Path, size: int) -> Iterator[Chunk]:
    """Chunks of `size` rows in file order; the same file gives the same chunks. Raises UnreadableFile."""
    ending = path.suffix.lower()
    if ending in CSV_ENDINGS:
        return _csv_chunks(path, size, "\t" if ending == ".tsv" else ",")
    if ending in JSON_ENDINGS:
        return _json_chunks(path, size)
    if ending in PARQUET_ENDINGS:
        return _parquet_chunks(path, size)
    known = ", ".join(sorted(CSV_ENDINGS | JSON_ENDINGS | PARQUET_ENDINGS))
    raise UnreadableFile(f"{path.name}: what kind of file is this? Known endings: {known}")


def count_rows(path: Path) -> int:
    """How many rows the file holds, for the progress bar: exact for Parquet, the number of lines for text."""
    ending = path.suffix.lower()
    if ending in PARQUET_ENDINGS:
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return max(0, lines - 1) if ending in CSV_ENDINGS else lines


def _csv_chunks(path: Path, size: int, delimiter: str) -> Iterator[Chunk]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        header = next(reader, None)
        if not header:
            raise UnreadableFile(f"{path.name}: the first line must name the columns")
        if len(set(header)) != len(header):
            raise UnreadableFile(f"{path.name}: the first line names a column twice")
        numbered = ((reader.line_num, row) for row in reader)
        while taken := list(islice(numbered, size)):
            yield _csv_chunk(header, [(line, row) for line, row in taken if row], len(taken))


def _csv_chunk(header: list[str], taken: list[tuple[int, list[str]]], rows: int) -> Chunk:
    good = [(line, row) for line, row in taken if len(row) == len(header)]
    errors = [
        RowError(line, None, f"has {len(row)} columns where the first line has {len(header)}")
        for line, row in taken
        if len(row) != len(header)
    ]
    columns = list(zip(*(row for _, row in good), strict=True)) or [()] * len(header)
    series = [pl.Series(name, values, dtype=pl.String) for name, values in zip(header, columns, strict=True)]
    return Chunk(rows, pl.DataFrame(series), [line for line, _ in good], errors)


def _json_chunks(path: Path, size: int) -> Iterator[Chunk]:
    with path.open(encoding="utf-8-sig") as file:
        numbered = enumerate(file, start=1)
        while taken := list(islice(numbered, size)):
            objects, lines, errors = _parsed_lines(taken)
            yield Chunk(len(taken), _object_frame(objects), lines, errors)


def _parsed_lines(taken: list[tuple[int, str]]) -> tuple[list[dict[str, Any]], list[int], list[RowError]]:
    objects, lines, errors = [], [], []
    for line, text in taken:
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            errors.append(RowError(line, None, f"is not JSON: {error.msg} at column {error.colno}"))
            continue
        if not isinstance(row, dict):
            errors.append(RowError(line, None, f"is a JSON {type(row).__name__}, not an object"))
            continue
        objects.append(row)
        lines.append(line)
    return objects, lines, errors


def _object_frame(objects: list[dict[str, Any]]) -> pl.DataFrame:
    """JSON values keep their own types: columns of Python objects, since two lines need not agree."""
    names = dict.fromkeys(name for row in objects for name in row)
    return pl.DataFrame([pl.Series(name, [row.get(name) for row in objects], dtype=pl.Object) for name in names])


def _parquet_chunks(path: Path, size: int) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableFile(f"{path.name}: not a Parquet file: {error}") from error
    with file:
        first = 1
        for batch in file.iter_batches(batch_size=size):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            yield Chunk(len(frame), frame, list(range(first, first + len(frame))))
            first += len(frame)
