"""Erasures in the audit log: noted before anything is erased, and read by whoever finds rows missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from tidemill_operations.acts import note_act
from tidemill_operations.erase.positions import Positions
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

ACT = "erase"
KEY_FILE = "erasure.key"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Erasure:
    """One act. `at_ms`: when it was begun; `rows`: of the model's training table, by where they came from."""

    at_ms: int
    noted_as: str
    rows: Positions

    @property
    def day(self) -> str:
        """In UTC."""
        return datetime.fromtimestamp(self.at_ms / 1000, tz=UTC).strftime("%Y-%m-%d")


def note_erasure(platform: PlatformView, model: str, noted_as: str, rows: Positions) -> None:
    """Note that these rows are about to be erased. Raises ConfigError where the database cannot be reached: then
    nothing is to be erased.
    """
    note_act(platform, ACT, model, entity=noted_as, rows=rows.to_dict())


def erasures_of(platform: PlatformView, model: str) -> list[Erasure]:
    """All erasures of a model's rows, oldest first; none where there is no audit log yet. Raises ConfigError where the
    database cannot be read.
    """
    from sqlalchemy.engine import make_url

    from tidemill.database import connect
    from tidemill_operations.references.reading import read_rows

    url = make_url(platform.settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return []
    engine = connect(platform.settings.database_url, reads_only=True)
    try:
        rows = read_rows(engine, "audit_log", ("id", "at", "act", "subject", "detail"))
    finally:
        engine.dispose()
    mine = sorted((row for row in rows if (row["act"], row["subject"]) == (ACT, model)), key=lambda row: row["id"])
    return [Erasure(row["at"], row["detail"]["entity"], Positions.from_dict(row["detail"]["rows"])) for row in mine]


def told_erased(platform: PlatformView, model: str, ranges: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is to be said of a version whose data set has these offset ranges: how many of its rows were erased when.
    Nothing where none were, or where the database does not tell.
    """
    from tidemill.errors import ConfigError

    try:
        found = erasures_of(platform, model)
    except (ConfigError, ImportError):  # its driver may not be installed where people only trace
        return []
    days: dict[str, Positions] = {}
    for one in found:  # that was run again names what was left
        days.setdefault(one.day, Positions()).update(one.rows)
    counted = ((day, rows.within(ranges)) for day, rows in days.items())
    return [f"{count:,} of its rows were erased on {day} (tidemill erase)" for day, count in counted if count]


def note_key(platform: PlatformView, privacy_keys: list[bytes]) -> bytes:
    """By which an entity is hashed for the audit log: the privacy key where there is one, else a key of its own beside
    the keys that are trusted, which is made where there is none. Raises NotPossible where it cannot be.
    """
    if privacy_keys:
        return privacy_keys[0]
    path = platform.settings.trusted_keys.parent / KEY_FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        raise _no_key(path, error) from error


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
