"""The text of a model file, each guess with its reason beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tidemill_operations.modelling.features import Guess
from tidemill_operations.modelling.files.yaml_text import word

WIDTH: Final = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a model file says, key by key: (value, reason)."""

    head: Sequence[str]
    model: str
    entity: tuple[str, str]
    event_id: tuple[str, str]
    event_time: tuple[str, str]
    source: Sequence[tuple[str, str]] = ()
    label: tuple[str, str]
    task: tuple[str, str]
    delay: tuple[str, str] | None
    features: Sequence[Guess]
    rules: Sequence[tuple[str, str]]
    training: Sequence[tuple[str, str, str]]
    window: tuple[str, str]


def model_text(words: Words) -> str:
    """The whole file."""
    lines = [*words.head, f"model: {word(words.model)}", f"schema: {words.model}.avsc"]
    for key in ("entity", "event_id", "event_time"):
        name, reason = getattr(words, key)
        lines += _with(f"{key}: {word(name)}", reason)
    if words.source:
        lines += ["", "source: # the model reads this topic as it is: docs/sources.md"]
        lines += [line for text, reason in words.source for line in _with(f"  {text}", reason)]
    lines += ["", "target:"]
    lines += _with(f"  label: {word(words.label[0])}", words.label[1])
    lines += _with(f"  task: {words.task[0]}", words.task[1])
    if words.delay is not None:
        lines += _with(f"  delay: {words.delay[0]}", words.delay[1])
    lines += ["", "features:", *_features(words.features)]
    if words.rules:
        lines += ["", "expectations: # critical ones set a row aside, warnings tell"]
        lines += [line for rule, reason in words.rules for line in _with(f"  - {rule}", reason)]
    lines += ["", "training:"]
    lines += [line for key, value, reason in words.training for line in _with(f"  {key}: {value}", reason)]
    lines += ["", "drift:", *_with(f"  window: {words.window[0]}", words.window[1])]
    return "\n".join(lines) + "\n"


def _features(guesses: Iterable[Guess]) -> Iterable[str]:
    left = []
    for guess in guesses:
        if guess.kind is not None:
            yield from _with(f"  {word(guess.column.field)}: {guess.kind}", guess.reason)
        else:
            left.append(guess)
    if left:
        yield "  # No features:"
    for guess in left:
        yield f"  # {word(guess.column.field)}: {_one_line(guess.reason)}"


def _with(text: str, reason: str) -> list[str]:
    """The line with its reason behind it, or above it where both are long."""
    reason = _one_line(reason)
    if not reason:
        return [text]
    if len(text) + len(reason) + 3 <= WIDTH:
        return [f"{text} # {reason}"]
    indent = text[: len(text) - len(text.lstrip())]
    return [f"{indent}# {reason}", text]


def _one_line(reason: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in reason)


def duration(length: timedelta) -> str:
    """A length of time in the largest unit that gives at least one, rounded up."""
    seconds = length.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{-int(-seconds // size)}{unit}"
    return f"{max(1, -int(-seconds // 1))}s"
