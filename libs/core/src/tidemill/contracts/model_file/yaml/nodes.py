"""Values with positions: every value knows its line and column, so that every error can say where; a mistake does
not end the reading, so that all are told at once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from tidemill.contracts.model_file.errors import Mistakes, ModelFileError
from tidemill.contracts.model_file.yaml.suggestions import close_to, near, nearest
from tidemill.contracts.quantities import MILLISECOND, parse_duration, parse_fits, parse_rate, parse_share

T = TypeVar("T")
U = TypeVar("U")
W = TypeVar("W")
LARGEST_WHOLE: Final = 2**63 - 1
"""Beyond it no column, table or clock of ours counts."""
HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")
"""A surrogate, which YAML's \\u escapes can write and no file, name or message can hold."""
NOT_BUILT = "is part of the model file but is not built yet"


@dataclass(frozen=True, slots=True)
class Value:
    """One value in the file: its node, its dotted path, the node to point at in errors about its key, and where
    mistakes go after which reading goes on.
    """

    file: Path
    node: yaml.Node
    path: str
    key: yaml.Node
    mistakes: Mistakes

    def error(self, message: str, suggestion: str = "", at_key: bool = False) -> ModelFileError:
        """The error to raise, at this value or at its key."""
        mark = (self.key if at_key else self.node).start_mark
        return ModelFileError(self.file, mark.line + 1, mark.column + 1, message, suggestion)

    def wants(self, what: str) -> ModelFileError:
        """The error for a value of the wrong shape."""
        return self.error(f"`{self.path}` must be {what}" if self.path else f"a model file must be {what}")

    def read(self, reader: Callable[[Value], T], wrong: W) -> T | W:
        """What `reader` makes of it; where it raises a mistake, that is kept and `wrong` stands for the value."""
        try:
            return reader(self)
        except ModelFileError as error:
            self.mistakes.add(error)
            return wrong

    def entries(self) -> dict[str, Value]:
        """A mapping with any keys, in order. Of a key that stands twice the first holds, and it is a mistake."""
        return self._entries()[0]

    def _entries(self) -> tuple[dict[str, Value], list[tuple[str, Value]]]:
        """The same, and what stands again."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wants("a mapping (`key: value`)")
        found: dict[str, Value] = {}
        again: list[tuple[str, Value]] = []
        for key, node in self.node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            child = Value(self.file, node, f"{self.path}.{name}" if self.path else name, key, self.mistakes)
            if not isinstance(key, yaml.ScalarNode):
                self.mistakes.add(child.error("a key must be plain text", at_key=True))
            elif name in found:
                self.mistakes.add(child.error(f"`{child.path}` stands twice", at_key=True))
                again.append((name, child))
            else:
                found[name] = child
        return found, again

    def section(
        self, known: Collection[str], *, required: Sequence[str] = (), not_built: Collection[str] = ()
    ) -> Section:
        """A mapping with `known` keys.

        Keys of the model file that are not built are refused by name, others as unknown. One that is missing is
        not told where an unknown one looks like it.
        """
        found, again = self._entries()
        strange, meant, riddle = [name for name in found if name not in known], set(), False
        for name in strange:
            child = found.pop(name)
            if name in not_built:
                self.mistakes.add(child.error(f"`{child.path}` {NOT_BUILT}", at_key=True))
                continue
            said = f"unknown key {name!r}" + (f" in {self.path}" if self.path else "")
            self.mistakes.add(child.error(said, nearest(name, known), at_key=True))
            close = close_to(name, known)
            riddle |= not close
            meant |= {other for other in close if other not in found}
        missing = [name for name in required if name not in found and name not in meant]
        for name in missing:
            self.mistakes.add(self.error(f"`{self.path}.{name}` is missing" if self.path else f"`{name}` is missing"))
        doubtful = {name for name, _ in again} | ({name for name in known if name not in found} if riddle else set())
        return Section(found, {*missing, *meant}, bool(strange), again, doubtful)

    @property
    def is_scalar(self) -> bool:
        """True for one plain value, neither list nor mapping."""
        return isinstance(self.node, yaml.ScalarNode)

    @property
    def is_mapping(self) -> bool:
        """True for a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    def items(self) -> list[Value]:
        """A list's values."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wants("a list")
        return [
            Value(self.file, node, f"{self.path}[{i}]", node, self.mistakes) for i, node in enumerate(self.node.value)
        ]

    def scalar(self) -> Any:
        """None, a bool, an int, a float or a str."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wants("one value")
        kind, text = self.node.tag.rpartition(":")[2], self.node.value
        read: dict[str, Callable[[str], Any]] = {
            "null": lambda _: None,
            "bool": lambda t: t == "true",
            "int": lambda t: int(t.replace("_", "")),
            "float": lambda t: float(t.replace("_", "")),
            "str": str,
        }
        if kind not in read:
            raise self.wants("a plain value without a tag of its own")
        if HALF_CHARACTER.search(text):
            raise self.error(f"`{self.path}` has half of a character", "write it whole, or as \\U and eight digits")
        try:
            return read[kind](text)
        except ValueError:
            raise self.wants("a value that fits its tag") from None

    def text(self) -> str:
        """Text that is not empty."""
        value = self.scalar()
        if not isinstance(value, str) or not value:
            raise self.wants("text")
        return value

    def boolean(self) -> bool:
        """`true` or `false`."""
        value = self.scalar()
        if not isinstance(value, bool):
            raise self.wants("true or false")
        return value

    def integer(self, least: int) -> int:
        """A whole number of at least `least`, within 64 bits."""
        value = self.scalar()
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wants(f"a whole number of at least {least}, such as 20_000")
        if value > LARGEST_WHOLE:
            raise self.wants(f"a whole number of at most {LARGEST_WHOLE:,}")
        return value

    def number(self) -> float | int:
        """A finite number, which a float can hold."""
        value = self.scalar()
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wants("a number")
        if not -sys.float_info.max <= value <= sys.float_info.max:  # NaN is not either
            raise self.wants(f"a finite number, of {sys.float_info.max:.1e} at most")
        return value

    def choice(self, options: Collection[str], not_built: Collection[str] = ()) -> str:
        """One of `options`."""
        value = self.scalar()
        if value in not_built:
            raise self.error(f"`{self.path}: {value}` {NOT_BUILT}")
        if value not in options:
            raise self.error(f"`{self.path}` must be one of {', '.join(options)}", near(str(value), options))
        return str(value)

    def choices(self, options: Collection[str], not_built: Collection[str] = ()) -> tuple[str, ...]:
        """A list of different `options`, at least one."""
        items = self.items()
        if not items:
            raise self.wants("a list with at least one of " + ", ".join(options))
        found = tuple(item.read(lambda one: one.choice(options, not_built), "") for item in items)
        for i, item in enumerate(items):
            if found[i] and found[i] in found[:i]:
                self.mistakes.add(item.error(f"{found[i]!r} stands twice in `{self.path}`"))
        return tuple(filter(None, found))

    def duration(self) -> timedelta:
        """A duration such as `12h`, in whole milliseconds, as all times are."""
        duration = self.latency()
        if duration % MILLISECOND:
            raise self.wants("a whole number of milliseconds: times have no smaller part")
        return duration

    def latency(self) -> timedelta:
        """A duration that is held against no time of an event: `0.5ms` too."""
        return self._quantity(parse_duration)

    def rate(self) -> tuple[int, timedelta]:
        """A rate such as `3 a day`."""
        return self._quantity(parse_rate)

    def rate_or_fits(self) -> tuple[int, timedelta | int]:
        """A rate such as `3 a day`, or fits in labelled rows such as `15 in 40_000`."""
        return self._quantity(lambda text: parse_fits(text) if " in " in str(text) else parse_rate(text))

    def off_or_count(self) -> tuple[int, int]:
        """Mixtures in labelled rows, such as `40 in 40_000`; none where it is `off`."""
        return self._quantity(lambda text: (0, 1) if text == "off" or text is False else parse_fits(text, "mixtures"))

    def share(self) -> float:
        """A percentage such as `0.1%`, as a share."""
        return self._quantity(parse_share)

    def _quantity(self, parse: Callable[[object], T]) -> T:
        try:
            return parse(self.scalar())
        except ValueError as error:
            raise self.error(f"`{self.path}`: {error}") from error


class Section:
    """The entries of a mapping whose keys are known: each is read once, and what is wrong with one hides no other.

    `strange`: it has keys that are not known. `again`: what stands a second time. `doubtful`: keys of which it is not
    certain what they were meant to say, as they stand twice, or may be meant by a key that is like none.
    """

    def __init__(
        self,
        entries: dict[str, Value],
        unsure: set[str],
        strange: bool,
        again: Sequence[tuple[str, Value]] = (),
        doubtful: Collection[str] = (),
    ) -> None:
        self.entries = entries
        self.strange = strange
        self._unsure = unsure
        self._again = again
        self._doubtful = frozenset(doubtful)

    def read(self, key: str, reader: Callable[[Value], T], default: U, wrong: W) -> T | U | W:
        """What `reader` makes of a key's value: `default` where the key is not there, `wrong` where it is wrong,
        missing though it must be there, or misspelt.
        """
        if key in self._unsure:
            return wrong
        if key not in self.entries:
            return default
        value = self.entries[key]
        for name, other in self._again:
            if name == key and not other.is_scalar:
                other.read(reader, None)  # only one of them can hold, but either may have mistakes of its own
        try:
            return reader(value)
        except ModelFileError as error:
            value.mistakes.add(error)
            self._unsure.add(key)
            return wrong

    def options(self, readers: Mapping[str, Callable[[Value], Any]]) -> dict[str, Any]:
        """The keys that are there and right."""
        found = {key: self.read(key, read, None, _WRONG) for key, read in readers.items() if key in self.entries}
        return {key: value for key, value in found.items() if value is not _WRONG}

    def sure(self, *keys: str) -> bool:
        """True where each of these keys was read, or is rightly not there."""
        return self._unsure.isdisjoint(keys)

    def certain(self, *keys: str) -> bool:
        """True where what was read of these keys can be held against other keys: a mistake is not told that may follow
        from another.
        """
        return self.sure(*keys) and self._doubtful.isdisjoint(keys)


_WRONG: Final = object()
