"""The first rows of a file, read as `tidemill push` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from tidemill_operations.push.convert import Field, convert
from tidemill_operations.push.files.choices import Choices
from tidemill_operations.push.files.lines import kind_of, read_lines
from tidemill_operations.push.files.reading import CSV_ENDINGS, OTHER_DELIMITERS, RowError, UnreadableFile, read_chunks

MOST_ROWS: Final = 50_000
CHUNK_ROWS: Final = 5_000
GLANCE: Final = 200
"""Most wrong guesses show in so many rows, and cost no more."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`frame`: the rows that can be read, under the file's own names; `errors`: those that cannot; `whole`: the file
    has no more than these. `written`: text stands for values of all kinds, as in CSV.
    """

    path: Path
    frame: pl.DataFrame
    lines: Sequence[int]
    errors: Sequence[RowError]
    written: bool
    whole: bool

    def read(self, name: str, kind: str, choices: Choices) -> pl.Series | None:
        """The column as values of an Avro type (`string`, `long`, `double`, `boolean`, `time`), None where one of them
        is no such value.
        """
        head, _ = self._read(name, kind, choices, GLANCE)
        return None if head is None else self._read(name, kind, choices, len(self.frame))[0]

    def problem(self, name: str, kind: str, choices: Choices) -> RowError | None:
        """The first value that is none of the type."""
        return self._read(name, kind, choices, len(self.frame))[1]

    def _read(self, name: str, kind: str, choices: Choices, rows: int) -> tuple[pl.Series | None, RowError | None]:
        frame = self.frame.select(pl.col(name).alias("value")).head(rows)
        made, errors = convert(frame, self.lines[:rows], [Field("value", kind, True)], choices, written=self.written)
        return (None, errors[0]) if errors else (made["value"], None)


def read_sample(path: Path, choices: Choices, most: int = MOST_ROWS) -> tuple[Sample, Choices]:
    """Up to `most` rows, and the choices with the delimiter that the first line shows. Raises UnreadableFile."""
    choices = _with_delimiter(path, choices)
    chunks = list(islice(read_chunks(path, CHUNK_ROWS, choices), most // CHUNK_ROWS + 1))
    whole = len(chunks) <= most // CHUNK_ROWS
    chunks = chunks[: most // CHUNK_ROWS]
    errors = [error for chunk in chunks for error in chunk.errors]
    frames = [chunk.frame for chunk in chunks if chunk.frame.columns]
    rows = sum(map(len, frames))
    if not rows:
        first = f": line {errors[0].line} {errors[0].reason}" if errors else ""
        raise UnreadableFile(f"{path.name} has no rows that can be read{first}")
    frame = _together(frames)
    lines = [line for chunk in chunks for line in chunk.lines]
    return Sample(path, frame, lines, errors, all(chunk.written for chunk in chunks), whole), choices


def _together(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Lines of JSON need not name the same columns."""
    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    columns = []
    for name in names:
        parts = [frame[name] if name in frame.columns else None for frame in frames]
        if any(part is None or part.dtype == pl.Object for part in parts):
            values = [
                value for part, frame in zip(parts, frames, strict=True)
                for value in (part.to_list() if part is not None else [None] * len(frame))
            ]  # fmt: skip
            columns.append(pl.Series(name, values, dtype=pl.Object))
        else:
            columns.append(pl.concat([part for part in parts if part is not None], how="vertical").alias(name))
    return pl.DataFrame(columns)


def _with_delimiter(path: Path, choices: Choices) -> Choices:
    ending = kind_of(path)
    if choices.delimiter is not None or ending not in CSV_ENDINGS:
        return choices
    first = next(iter(read_lines(path, choices.encoding)), None)
    text = (first.text if first else None) or ""
    usual = "\t" if ending == ".tsv" else ","
    others = [mark for mark in (",", *OTHER_DELIMITERS) if mark != usual and mark in text]
    return replace(choices, delimiter=others[0]) if usual not in text and len(others) == 1 else choices
