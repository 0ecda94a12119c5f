"""What is wrong in a model file, and where."""

from __future__ import annotations

from pathlib import Path

from tidemill.errors import ConfigError


class ModelFileError(ConfigError):
    """A model file that cannot be used: `file`, `line` and `column` (both from 1), `message`, and a
    `suggestion` or "".

    As text: `models/a.yaml:12:3: unknown key 'expirs' in target: did you mean 'expires'?`
    """

    def __init__(self, file: Path, line: int, column: int, message: str, suggestion: str = "") -> None:
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.suggestion = suggestion
        tail = f": {suggestion}" if suggestion else ""
        super().__init__(f"{file}:{line}:{column}: {message}{tail}")
