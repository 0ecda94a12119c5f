"""A function of text that is dear, and whose arguments come again: its newest answers are kept."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Remembering"]


class Remembering:
    """A function of text that remembers its newest answers, `most` to twice as many."""

    def __init__(self, function: Callable[[str], str | None], most: int) -> None:
        self._function = function
        self._most = most
        self._newest: dict[str, str | None] = {}
        self._older: dict[str, str | None] = {}

    def __len__(self) -> int:
        return len(self._newest) + len(self._older)

    def __call__(self, text: str) -> str | None:
        newest = self._newest
        if text in newest:
            return newest[text]
        found = self._older[text] if text in self._older else self._function(text)
        if len(newest) >= self._most:
            self._older, self._newest = newest, {}
        self._newest[text] = found
        return found

    def many(self, texts: list[str | None]) -> list[str | None]:
        """The answers to many; null stays null."""
        known = map(self._newest.get, texts)  # type: ignore[arg-type]
        return [
            self(text) if found is None and text is not None else found
            for text, found in zip(texts, known, strict=True)
        ]
