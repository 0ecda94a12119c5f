"""Addresses in records, where the stores of the platform are elsewhere than they were. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Moved:
    """`roots`: (old, new) of artifacts and tables, without a slash at the end."""

    roots: tuple[tuple[str, str], ...]

    def text(self, text: str) -> str:
        """An address below an old root as it is below the new one; any other text as it is.

        >>> Moved((("s3://old/a", "s3://new/a"),)).text("s3://old/a/tide/1-r")
        's3://new/a/tide/1-r'
        >>> Moved((("s3://old/a", "s3://new/a"),)).text("s3://old/ab/tide")
        's3://old/ab/tide'
        """
        for old, new in self.roots:
            if text == old or text.startswith(f"{old}/"):
                return new + text.removeprefix(old)
        return text

    def value(self, value: Any) -> Any:
        """Plain data with all its texts moved."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def json(self, text: str | None) -> str | None:
        """A JSON text; to the letter as it is where nothing in it moves."""
        if text is None or not any(old in text for old, _ in self.roots):
            return text
        return json.dumps(self.value(json.loads(text)))
