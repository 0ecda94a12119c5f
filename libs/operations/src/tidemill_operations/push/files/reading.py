"""Files of rows, read chunk by chunk with the line of every row: CSV, JSON lines, Parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from tidemill.json.unique_keys import loads
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.csv_rows import CsvRows, Row
from tidemill_operations.push.files.lines import PACKED, Line, UnreadableFile, count_lines, kind_of, read_lines

__all__ = ["Chunk", "RowError", "UnreadableFile", "count_rows", "read_chunks"]

CSV_ENDINGS = {".csv", ".tsv"}
JSON_ENDINGS = {".jsonl", ".ndjson"}
PARQUET_ENDINGS = {".parquet", ".pq"}
OTHER_DELIMITERS: Final = (";", "\t", "|")
DEFAULT: Final = Choices()
MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row was not sent. `line`: 1-based line of a text file, 1-based row of a Parquet file."""

    line: int
    field: str | None
    reason: str


@dataclass(slots=True)
class Chunk:
    """Rows as they stand in the file. `rows`: how many rows of the file it covers, unreadable ones included.

    `frame` holds the readable rows (text columns for CSV, the file's own types otherwise), `lines` the line of each,
    `places` its place among `rows`. `written`: text stands for values of all kinds, as in CSV.
    """

    rows: int
    frame: pl.DataFrame
    lines: list[int]
    errors: list[RowError] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    written: bool = True

    def __post_init__(self) -> None:
        if len(self.places) != len(self.lines):
            self.places = list(range(len(self.lines)))


def read_chunks(path: Path, size: int, choices: Choices = DEFAULT) -> Iterator[Chunk]:
    """Chunks of `size` rows in file order; the same file gives the same chunks. Raises UnreadableFile."""
    ending = kind_of(path)
    if ending in CSV_ENDINGS:
        return _csv_chunks(path, size, choices.delimiter or ("\t" if ending == ".tsv" else ","), choices)
    if ending in JSON_ENDINGS:
        return _json_chunks(path, size, choices.encoding)
    if ending in PARQUET_ENDINGS and path.suffix.lower() not in PACKED:
        from tidemill_operations.push.files.parquet import parquet_chunks

        return parquet_chunks(path, size)
    known = ", ".join(sorted(CSV_ENDINGS | JSON_ENDINGS | PARQUET_ENDINGS))
    raise UnreadableFile(
        f"{path.name}: what kind of file is this? Known endings: {known}; text may be packed ({', '.join(PACKED)})"
    )


def count_rows(path: Path) -> int:
    """How many rows the file holds, for the progress bar: exact for Parquet, the number of lines for text, 0 where it
    is packed.
    """
    ending = kind_of(path)
    if ending in PARQUET_ENDINGS:
        from tidemill_operations.push.files.parquet import count_parquet

        return count_parquet(path)
    lines = count_lines(path)
    return max(0, lines - 1) if ending in CSV_ENDINGS else lines


def _csv_chunks(path: Path, size: int, delimiter: str, choices: Choices) -> Iterator[Chunk]:
    lines = read_lines(path, choices.encoding)
    rows = CsvRows(lines, delimiter, choices.null_words, multiline=choices.multiline)
    header = _header(path, rows, delimiter)
    numbered = iter(rows)
    while taken := list(islice(numbered, size)):
        yield _csv_chunk(header, taken)


def _header(path: Path, rows: CsvRows, delimiter: str) -> list[str]:
    try:
        header = rows.read_header()
    except ValueError as error:
        raise UnreadableFile(f"{path.name}: {error}") from error
    if not any(header):
        raise UnreadableFile(f"{path.name}: the first line must name the columns")
    if "\r" in header[-1]:
        raise UnreadableFile(f"{path.name}: its lines end in CR alone: write it with LF or CR LF")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        told = ", ".join(repr(name) for name in twice[:MOST_NAMED])
        raise UnreadableFile(f"{path.name}: the first line names a column twice: {told}; rename or drop the others")
    other = next((mark for mark in OTHER_DELIMITERS if mark != delimiter and mark in header[0]), None)
    if len(header) == 1 and other is not None:
        raise UnreadableFile(f"{path.name}: the first line has no {delimiter!r}, but {other!r}: say --delimiter")
    return header


def _csv_chunk(header: list[str], taken: list[Row]) -> Chunk:
    errors, good, places = [], [], []
    for place, row in enumerate(taken):
        errors += [RowError(*problem) for problem in row.problems]
        if row.problems:
            continue
        if len(row.cells) != len(header):
            reason = f"has {len(row.cells)} columns where the first line has {len(header)}"
            errors.append(RowError(row.line, None, reason))
            continue
        good.append(row)
        places.append(place)
    columns = list(zip(*(row.cells for row in good), strict=True)) or [()] * len(header)
    series = [pl.Series(name, values, dtype=pl.String) for name, values in zip(header, columns, strict=True)]
    return Chunk(len(taken), pl.DataFrame(series), [row.line for row in good], errors, places)


def _json_chunks(path: Path, size: int, encoding: str) -> Iterator[Chunk]:
    lines = read_lines(path, encoding)
    while taken := list(islice(lines, size)):
        objects, numbers, places, errors = _parsed_lines(taken)
        yield Chunk(len(taken), _object_frame(objects), numbers, errors, places, written=False)


def _parsed_lines(taken: list[Line]) -> tuple[list[dict[str, Any]], list[int], list[int], list[RowError]]:
    objects, numbers, places, errors = [], [], [], []
    for place, line in enumerate(taken):
        if line.text is not None and not line.text.strip():
            continue
        row = _parsed(line)
        if isinstance(row, RowError):
            errors.append(row)
            continue
        objects.append(row)
        numbers.append(line.number)
        places.append(place)
    return objects, numbers, places, errors


def _parsed(line: Line) -> dict[str, Any] | RowError:
    """By the parser of REST: what one door takes for JSON, the other does."""
    if line.text is None:
        return RowError(line.number, None, line.problem)
    try:
        row = loads(line.text)
    except orjson.JSONDecodeError as error:
        said = error.msg.partition(": line ")[0]
        return RowError(line.number, None, f"is not JSON: {said} at column {error.colno}")
    if isinstance(row, list):
        return RowError(line.number, None, "is a JSON array, not an object: write one object a line")
    if not isinstance(row, dict):
        return RowError(line.number, None, f"is a JSON {type(row).__name__}, not an object")
    return row


def _object_frame(objects: list[dict[str, Any]]) -> pl.DataFrame:
    """JSON values keep their own types: columns of Python objects, since two lines need not agree."""
    names = dict.fromkeys(name for row in objects for name in row)
    return pl.DataFrame([pl.Series(name, [row.get(name) for row in objects], dtype=pl.Object) for name in names])
