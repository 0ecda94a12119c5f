"""What is wrong in a model file, and where; all of it at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from tidemill.errors import ConfigError

_log = logging.getLogger(__name__)

MOST_MISTAKES: Final = 100
"""More are not looked for: what has so many is no model file."""


class ModelFileError(ConfigError):
    """A model file that cannot be used: `file`, `line` and `column` (both from 1), `message`, and a
    `suggestion` or "".

    As text: `models/a.yaml:12:3: unknown key 'expirs' in target: did you mean 'expires'?` Where several things are
    wrong, it is the first of them, `mistakes` has all in the order of the file, and its text has a line for each.
    """

    def __init__(self, file: Path, line: int, column: int, message: str, suggestion: str = "") -> None:
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.suggestion = suggestion
        self.mistakes: tuple[ModelFileError, ...] = (self,)
        tail = f": {suggestion}" if suggestion else ""
        super().__init__(f"{file}:{line}:{column}: {message}{tail}")

    @classmethod
    def of(cls, mistakes: Iterable[ModelFileError]) -> Self:
        """One error of at least one mistake, ordered by place."""
        ordered = tuple(sorted(mistakes, key=lambda one: (one.line, one.column)))
        first = ordered[0]
        error = cls(first.file, first.line, first.column, first.message, first.suggestion)
        error.mistakes = ordered
        error.args = ("\n".join(map(str, ordered)),) if len(ordered) > 1 else first.args
        return error


class EnoughError(Exception):
    """So much is wrong that reading on helps nobody."""


class Mistakes:
    """What was found wrong in one file while it was read on. The same mistake at the same place is found once.

    `told`: how often a mistake was added, repeats included. A YAML alias reads the same place again, so only by this
    can a reader see whether what it has just read was wrong.
    """

    def __init__(self) -> None:
        self._found: dict[str, ModelFileError] = {}
        self.told = 0

    @property
    def found(self) -> tuple[ModelFileError, ...]:
        """All so far, in the order in which they were met."""
        return tuple(self._found.values())

    def add(self, error: ModelFileError) -> None:
        """Takes a mistake. Raises EnoughError at the hundredth."""
        self.told += 1
        for mistake in error.mistakes:
            self._found.setdefault(str(mistake), mistake)
            if len(self._found) >= MOST_MISTAKES:
                raise EnoughError


@contextmanager
def refusing_defects(file: Path) -> Iterator[None]:
    """Makes a ModelFileError of any exception inside that is no ConfigError: a defect of ours, met in one file,
    refuses that file by name and ends no service that has others. The log has its traceback.
    """
    try:
        yield
    except (ConfigError, EnoughError):
        raise
    except Exception as error:
        _log.exception("the model file %s has met a defect of Tidemill", file)
        said = f"a defect of Tidemill, which no model file should meet: {type(error).__name__}: {error}"
        cure = "please report it with this file and the traceback in the log"
        raise ModelFileError(file, 1, 1, said, cure) from error
