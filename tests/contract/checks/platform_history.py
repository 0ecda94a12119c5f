"""The platform's own schemas: what a program has ever written is kept, and what is written now reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemill.contracts.schemas.catalog import Schema, read_schema
from tidemill.contracts.schemas.compatibility import reading_problems


def platform_history_problems(schemas: Path) -> list[str]:
    """What is wrong with `history/` of a folder of schemas, one sentence each with what to do. The current schema of
    each event is kept too, so that nobody can change it and leave the earlier one behind.
    """
    known = {path.stem: path for path in sorted(schemas.glob("*.avsc"))}
    gone = sorted({path.name for path in (schemas / "history").iterdir()} - known.keys())
    problems = [f"history/{name}: there is no schema of that name: its events are unreadable" for name in gone]
    for name, path in known.items():
        problems += [f"{name}: {problem}" for problem in _problems(path, read_schema(path), schemas / "history" / name)]
    return problems


def _problems(path: Path, current: Schema, folder: Path) -> Iterator[str]:
    here = folder / f"{current.fingerprint.hex()}.avsc"
    if not here.is_file():
        yield f"what is written now is not kept: mkdir -p {folder} && cp {path} {here}"
    for stored in sorted(folder.glob("*.avsc")):
        earlier = read_schema(stored, name=current.name)
        if earlier.fingerprint.hex() != stored.stem:
            yield f"{stored.name} was changed: what was written stays as it is; a new schema is a new file beside it"
        else:
            yield from (f"{stored.name}: {problem}" for problem in reading_problems(current, earlier))
