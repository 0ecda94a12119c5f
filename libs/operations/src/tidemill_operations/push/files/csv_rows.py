"""CSV by RFC 4180, row by row: what is wrong with one row does not reach the next.

A quoted cell may hold delimiters, doubled quotes and line breaks. A quote that is opened and never closed would make
one cell of all rows behind it: such a row is refused and reading goes on with its next line. Where a stray quote
further down closes it, the lines between look like rows of the file; then all of them are refused, each by its line,
unless `multiline` says that such text is meant. A cell without quotes is text as it stands, spaces and quotes inside of
it too; an empty one is missing, `""` is empty text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tidemill_operations.push.files.lines import Line

LONGEST_CELL: Final = 1 << 20
"""Characters of a quoted cell that spans lines: so far is looked for its end."""
CLOSE = "close it, or write a quote inside of quoted text twice"


@dataclass(frozen=True, slots=True)
class Row:
    """`line`: the last one of the row. `cells`: None is missing. `problems`: line, column and reason, where it is no
    row.
    """

    line: int
    cells: list[str | None]
    problems: tuple[tuple[int, str | None, str], ...] = ()


class _OpenQuote(Exception):
    """A quoted cell that has no end, or more behind its end than a delimiter."""

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class CsvRows:
    """The rows behind the first line of a file, in order; lines without anything are left out."""

    def __init__(
        self, lines: Iterator[Line], delimiter: str, null_words: frozenset[str] = frozenset(), *,
        multiline: bool = False,
    ) -> None:  # fmt: skip
        self._lines = lines
        self._delimiter = delimiter
        self._null_words = null_words
        self._multiline = multiline
        self._back: deque[Line] = deque()
        self.header: list[str] = []

    def read_header(self) -> list[str]:
        """The names in the first line; empty where there is none. Raises ValueError where it cannot be read."""
        row = next(self._rows(), None)
        if row is not None and row.problems:
            raise ValueError(f"line {row.problems[0][0]} {row.problems[0][2]}")
        self.header = [cell or "" for cell in row.cells] if row is not None else []
        return self.header

    def __iter__(self) -> Iterator[Row]:
        return self._rows()

    def _rows(self) -> Iterator[Row]:
        while (line := self._next()) is not None:
            if line.text is None:
                yield Row(line.number, [], ((line.number, None, line.problem),))
            elif '"' in line.text:
                yield self._quoted_row(line, line.text)
            elif line.text:
                yield Row(line.number, [self._plain(cell) for cell in line.text.split(self._delimiter)])

    def _next(self) -> Line | None:
        return self._back.popleft() if self._back else next(self._lines, None)

    def _plain(self, cell: str) -> str | None:
        return None if not cell or cell in self._null_words else cell

    def _quoted_row(self, first: Line, text: str) -> Row:
        taken: list[Line] = []
        try:
            cells, rowlike = self._cells(text, first, taken)
        except _OpenQuote as error:
            self._back.extendleft(reversed(taken))
            name = self.header[error.column] if error.column < len(self.header) else None
            return Row(first.number, [], ((first.number, name, error.reason),))
        last = taken[-1].number if taken else first.number
        if not rowlike or self._multiline:
            return Row(last, cells)
        reason = (
            f"lines {first.number} to {last} are one quoted cell, and some look like rows: {CLOSE} in line "
            f"{first.number}, or say --multiline if such text is meant"
        )
        return Row(last, [], tuple((number, None, reason) for number in range(first.number, last + 1)))

    def _cells(self, text: str, first: Line, taken: list[Line]) -> tuple[list[str | None], bool]:
        """The cells of a row; lines that it needs behind the first go to `taken`. Also whether one of these looks like
        a row. Raises _OpenQuote.
        """
        cells: list[str | None] = []
        rowlike = False
        line, at = first, 0
        while True:
            if not text.startswith('"', at):
                end = text.find(self._delimiter, at)
                cells.append(self._plain(text[at:] if end < 0 else text[at:end]))
            else:
                parts: list[str] = []
                start, size = at + 1, 0
                while (close := _closing(text, start)) < 0:
                    parts.append(text[start:] + line.end)
                    size += len(parts[-1])
                    following = self._next() if size <= LONGEST_CELL else None
                    if following is not None:
                        taken.append(following)
                    if following is None or following.text is None:
                        raise _OpenQuote(len(cells), f"opens a quote that is never closed: {CLOSE}")
                    line, text, start = following, following.text, 0
                    rowlike = rowlike or self._is_rowlike(text)
                parts.append(text[start:close])
                end = close + 1 if close + 1 < len(text) else -1
                if end >= 0 and not text.startswith(self._delimiter, end):
                    raise _OpenQuote(len(cells), f"has {text[end : end + 20]!r} behind a closing quote: {CLOSE}")
                cells.append("".join(parts).replace('""', '"'))
            if end < 0:
                return cells, rowlike
            at = end + len(self._delimiter)

    def _is_rowlike(self, text: str) -> bool:
        """Whether a line inside of quotes has as many delimiters as a row, before any quote in it too."""
        wanted = len(self.header) - 1
        return wanted > 0 and text.count(self._delimiter) == wanted and self._delimiter in text.partition('"')[0]


def _closing(text: str, start: int) -> int:
    """Where the quote stands that ends a cell, doubled ones passed over; -1 where there is none."""
    while True:
        found = text.find('"', start)
        if found < 0 or not text.startswith('"', found + 1):
            return found
        start = found + 2
