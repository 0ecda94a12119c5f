"""Erasures in the audit log: noted before anything is erased, and read by whoever finds rows missing."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from tidemill_operations.acts import acts_on, note_act
from tidemill_operations.erase.positions import Positions
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

ACT, DONE = "erase", "erase.done"
KEY_FILE = "erasure.key"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Erasure:
    """One act. `at_ms`: when it was begun; `rows`: of the model's training table, by where they came from; `clean_at`:
    the first version of the table that is known to hold none of them, None where it was killed before; `key`: which
    key made `noted_as`, as `key_name` has it, empty where nobody noted that.
    """

    at_ms: int
    noted_as: str
    rows: Positions
    clean_at: int | None = None
    key: str = ""

    @property
    def day(self) -> str:
        """In UTC."""
        return datetime.fromtimestamp(self.at_ms / 1000, tz=UTC).strftime("%Y-%m-%d")

    def concerns(self, data_set: Mapping[str, Any]) -> bool:
        """Whether a data set (`table_version`, `offsets`) may have been read before these rows were gone. Its offsets
        alone do not tell: they are ranges, which go on over rows that are missing.
        """
        return self.clean_at is None or data_set["table_version"] < self.clean_at


def note_erasure(platform: PlatformView, model: str, noted_as: str, rows: Positions, key: str = "") -> None:
    """Note that these rows are about to be erased. Raises ConfigError where the database cannot be reached: then
    nothing is to be erased.
    """
    note_act(platform, ACT, model, entity=noted_as, rows=rows.to_dict(), key=key)


def note_clean(platform: PlatformView, model: str, noted_as: str, table_version: int) -> None:
    """Note that this version of the model's table holds none of the entity's rows any more. Raises ConfigError."""
    note_act(platform, DONE, model, entity=noted_as, table_version=table_version)


def erasures_of(platform: PlatformView, model: str) -> list[Erasure]:
    """All erasures of a model's rows, oldest first; none where there is no audit log yet. Raises ConfigError where the
    database cannot be read.
    """
    return _paired(acts_on(platform, model))


def _paired(acts: Sequence[Mapping[str, Any]]) -> list[Erasure]:
    """Each erasure with the first clean version that was noted after it; `acts`: in the order of their noting."""
    clean: dict[str, int] = {}
    found = []
    for act in reversed(acts):
        detail = act["detail"]
        if act["act"] == DONE:
            clean[detail["entity"]] = detail["table_version"]
        elif act["act"] == ACT:
            name, rows = detail["entity"], Positions.from_dict(detail["rows"])
            found.append(Erasure(act["at"], name, rows, clean.get(name), detail.get("key", "")))
    return found[::-1]


def rows_in(erasures: Iterable[Erasure], data_set: Mapping[str, Any]) -> int:
    """How many rows of these erasures a data set may have been made from."""
    found = Positions()
    for one in erasures:
        if one.concerns(data_set):
            found.update(one.rows)
    return found.within(data_set["offsets"])


def told_erased(platform: PlatformView, model: str, data_set: Mapping[str, Any]) -> list[str]:
    """What is to be said of a version with this data set: how many of its rows were erased when. Nothing where none
    were, or where the database does not tell.
    """
    from tidemill.errors import ConfigError

    try:
        found = erasures_of(platform, model)
    except (ConfigError, ImportError):  # its driver may not be installed where people only trace
        return []
    days: dict[str, list[Erasure]] = {}
    for one in found:  # that was run again names what was left
        days.setdefault(one.day, []).append(one)
    counted = ((day, rows_in(of, data_set)) for day, of in days.items())
    return [f"{count:,} of its rows were erased on {day} (tidemill erase)" for day, count in counted if count]


def note_keys(platform: PlatformView, privacy_keys: Sequence[bytes], *, make: bool) -> list[bytes]:
    """By which an entity is hashed for the audit log. The first is that of acts to come: the privacy key where there is
    one, else a key of its own beside the keys that are trusted, which is made where there is none and `make` says so.
    The others may be of acts before. Raises NotPossible where it cannot be read or made.
    """
    path = platform.settings.trusted_keys.parent / KEY_FILE
    try:
        return [*privacy_keys, path.read_bytes()]
    except FileNotFoundError:
        return [_made(path)] if make and not privacy_keys else list(privacy_keys)
    except OSError as error:
        if privacy_keys:
            return list(privacy_keys)
        raise _no_key(path, error) from error


def key_name(key: bytes) -> str:
    """Tells keys apart in the audit log, and nothing of them: 8 hex digits."""
    return hmac.digest(key, b"tidemill erase: this key", "sha256").hex()[:8]


def noted_by_others(erasures: Iterable[Erasure], keys: Iterable[bytes]) -> int:
    """How many of them were noted by none of these keys: whose they are cannot be told here."""
    here = {key_name(key) for key in keys}
    return sum(bool(one.key) and one.key not in here for one in erasures)


def _made(path: Path) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(key := token_bytes(KEY_BYTES))
    except FileExistsError:
        return path.read_bytes()
    except OSError as error:
        raise _no_key(path, error) from error
    return key


def _no_key(path: Path, error: OSError) -> NotPossible:
    return NotPossible(
        f"the audit log names an entity by a hash, and its key {path} cannot be used ({error.strerror or error}): let "
        "this user write there, or name another key with --privacy-key-file"
    )
