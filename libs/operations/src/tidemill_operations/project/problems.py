"""What is wrong in a project, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from tidemill.contracts.model_file import ModelFileError

PLACED: Final = re.compile(
    r"(?P<file>[^\n:]+\.[A-Za-z]+):(?P<line>[0-9]+):(?P<column>[0-9]+): (?P<message>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Problem:
    """`file` is empty and `line` and `column` 0 where it has no such place; `cure` is empty where none is."""

    file: str
    line: int
    column: int
    message: str
    cure: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.message}{f': {self.cure}' if self.cure else ''}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def problems_of(error: Exception, file: str = "") -> Iterator[Problem]:
    """One for each mistake that an error tells of; `file`: where it is about, if its text does not say."""
    if isinstance(error, ModelFileError):
        for one in error.mistakes:
            yield Problem(str(one.file), one.line, one.column, one.message, one.suggestion)
        return
    for text in str(error).split("\n"):
        placed = PLACED.fullmatch(text)
        if placed is not None:
            yield Problem(placed["file"], int(placed["line"]), int(placed["column"]), placed["message"])
        else:
            yield Problem("" if file and file in text else file, 0, 0, text)
