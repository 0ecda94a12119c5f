"""YAML with positions: every value knows its line and column, so that every error can say where.

Scalars follow YAML 1.2's core rules, so that `on`, `no` and `12:30` are text, as editors show them;
numbers may have underscores (`20_000`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from yaml.composer import ComposerError

from tidemill.contracts.model_file.errors import ModelFileError
from tidemill.contracts.quantities import parse_duration, parse_rate, parse_share

T = TypeVar("T")
LONGEST_GUESS = 100
MOST_DEPTH = 32
MOST_NODES = 100_000
MOST_CHARACTERS = 4_000_000
"""Room for sets of values; a model file's own keys are four levels deep."""
NOT_BUILT = "is part of the model file but is not built yet"


class _Loader(yaml.SafeLoader):
    """Without YAML 1.1's implicit types; those of YAML 1.2 are added below."""

    # PyYAML keeps it on the class; the stubs say on the instance.
    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._nodes = 0
        self._open: set[str] = set()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As PyYAML's, within limits: what is nested endlessly, or names itself, has no end to be read to."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent) and anchor in self._open:
            raise ComposerError(None, None, f"the alias *{anchor} stands inside of what it names", mark)
        self._depth += 1
        self._nodes += 1
        if self._depth > MOST_DEPTH or self._nodes > MOST_NODES:
            many = f"nested more than {MOST_DEPTH} levels deep" if self._depth > MOST_DEPTH else "too many values"
            raise ComposerError(None, None, many, mark)
        if anchor is not None:
            self._open.add(anchor)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1
            self._open.discard(anchor or "")


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9](?:_?[0-9])*$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9](?:_?[0-9])*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)


@dataclass(frozen=True, slots=True)
class Value:
    """One value in the file: its node, its dotted path, and the node to point at in errors about its key."""

    file: Path
    node: yaml.Node
    path: str
    key: yaml.Node

    def error(self, message: str, suggestion: str = "", at_key: bool = False) -> ModelFileError:
        """The error to raise, at this value or at its key."""
        mark = (self.key if at_key else self.node).start_mark
        return ModelFileError(self.file, mark.line + 1, mark.column + 1, message, suggestion)

    def wants(self, what: str) -> ModelFileError:
        """The error for a value of the wrong shape."""
        return self.error(f"`{self.path}` must be {what}" if self.path else f"a model file must be {what}")

    def entries(self) -> dict[str, Value]:
        """A mapping with any keys, in order. A key that stands twice is an error."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wants("a mapping (`key: value`)")
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            child = Value(self.file, node, f"{self.path}.{name}" if self.path else name, key)
            if not isinstance(key, yaml.ScalarNode):
                raise child.error("a key must be plain text", at_key=True)
            if name in found:
                raise child.error(f"`{child.path}` stands twice", at_key=True)
            found[name] = child
        return found

    def mapping(
        self, known: Collection[str], *, required: Sequence[str] = (), not_built: Collection[str] = ()
    ) -> dict[str, Value]:
        """A mapping with `known` keys.

        Keys of the model file that are not built are refused by name, others as unknown.
        """
        found = self.entries()
        for name, child in found.items():
            if name in not_built:
                raise child.error(f"`{child.path}` {NOT_BUILT}", at_key=True)
            if name not in known:
                raise child.error(
                    f"unknown key {name!r}" + (f" in {self.path}" if self.path else ""),
                    nearest(name, known),
                    at_key=True,
                )
        for name in required:
            if name not in found:
                raise self.error(f"`{self.path}.{name}` is missing" if self.path else f"`{name}` is missing")
        return found

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
        return [Value(self.file, node, f"{self.path}[{i}]", node) for i, node in enumerate(self.node.value)]

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
        """A whole number of at least `least`."""
        value = self.scalar()
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.wants(f"a whole number of at least {least}, such as 20_000")
        return value

    def number(self) -> float | int:
        """A finite number."""
        value = self.scalar()
        if not isinstance(value, int | float) or isinstance(value, bool) or value in (float("inf"), float("-inf")):
            raise self.wants("a number")
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
        found = tuple(item.choice(options, not_built) for item in items)
        if not found:
            raise self.wants("a list with at least one of " + ", ".join(options))
        for i, item in enumerate(items):
            if found[i] in found[:i]:
                raise item.error(f"{found[i]!r} stands twice in `{self.path}`")
        return found

    def duration(self) -> timedelta:
        """A duration such as `12h`."""
        return self._quantity(parse_duration)

    def rate(self) -> tuple[int, timedelta]:
        """A rate such as `3 a day`."""
        return self._quantity(parse_rate)

    def share(self) -> float:
        """A percentage such as `0.1%`, as a share."""
        return self._quantity(parse_share)

    def _quantity(self, parse: Callable[[object], T]) -> T:
        try:
            return parse(self.scalar())
        except ValueError as error:
            raise self.error(f"`{self.path}`: {error}") from error


def compose(file: Path, text: str) -> Value:
    """The root of a YAML document. Raises ModelFileError where it is not YAML or is empty."""
    if len(text) > MOST_CHARACTERS:
        raise ModelFileError(
            file, 1, 1, f"it has {len(text):,} characters: a model file has {MOST_CHARACTERS:,} at most"
        )
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ModelFileError(file, line, column, f"not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ModelFileError(file, 1, 1, f"not YAML: {error}") from error
    if root is None:
        raise ModelFileError(file, 1, 1, "the file is empty")
    return Value(file, root, "", root)


def nearest(name: str, known: Collection[str]) -> str:
    """A suggestion: the nearest of `known`, or all of them where none is near."""
    return near(name, known) or "known are " + ", ".join(known)


def near(name: str, known: Collection[str]) -> str:
    """A suggestion: the nearest of `known`, or nothing where none is near."""
    close = difflib.get_close_matches(name[:LONGEST_GUESS], known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""
