"""What a format hands over: columns where it can, and where it can't the records one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tidemill.codec.framing import BadRecord, without_value
from tidemill.json.python_values import Kind

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["UNREADABLE", "Format", "Kind", "Part", "Path", "Unreadable", "no_value"]

UNREADABLE = "MalformedRecord"
Path: TypeAlias = tuple[str, ...]
"""Names from the outside in."""


@dataclass(frozen=True, slots=True)
class Part:
    """Records of a batch in columns. `positions`: the place of each row in the batch, ascending. `column`: the
    values at a path, null where a record has none there; None where no record has, or where columns can't say.
    """

    positions: list[int]
    column: Callable[[Path], pa.Array | None]


class Unreadable(ValueError):
    """A value that is no record of its format. `error_class` is a stable name, the text is for people."""

    def __init__(self, message: str, error_class: str = UNREADABLE) -> None:
        super().__init__(message)
        self.error_class = error_class


def no_value(value: bytes | None) -> Unreadable:
    """Why a record without bytes is none: a tombstone where its value is null, else empty."""
    found = without_value(value, 0)
    return Unreadable(found.message, found.error_class)


class Format(Protocol):
    """One way to write records. For one thread."""

    def columns(
        self, values: Sequence[bytes | None], wants: Mapping[Path, Kind]
    ) -> tuple[list[Part], list[int], list[BadRecord]]:
        """Columns of a batch, the positions that must be read one by one, and what is known to be bad.

        Every position is in exactly one of the three. Raises RetryLater while a registry that is needed is away.
        """

    def row(self, value: bytes | None) -> Mapping[str, Any]:
        """One record as nested mappings; times may be datetimes or numbers, decimals `Decimal`.

        Raises Unreadable, RetryLater.
        """
