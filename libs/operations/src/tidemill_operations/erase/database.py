"""What the relational database says of an entity: in reasons, evidence and events, where a person or a detector has
named it; and who still reads the old versions of a table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tidemill_operations.erase.acts import ACT, DONE
from tidemill_operations.erase.report import Holding, State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Engine

    from tidemill_operations.platform import PlatformView

COLUMNS = {
    "runs": ("run_id", "model", "evidence", "reason", "requested_by"),
    "outbox": ("id", "model", "event"),
    "alarms": ("id", "model", "event"),
    "takeovers": ("id", "model", "evidence", "reason"),
    "audit_log": ("id", "act", "subject", "detail"),
}
"""Tables with words of people and detectors in them; the first column is the key."""
OPEN = ("accepted", "started")
CATCH_UP_S = 30.0
LOOK_EVERY_S = 0.2


@contextmanager
def database(platform: PlatformView) -> Iterator[Engine]:
    """The platform's database, to read."""
    from tidemill.database import connect

    engine = connect(platform.settings.database_url, reads_only=True)
    try:
        yield engine
    finally:
        engine.dispose()


def rows_that_name(platform: PlatformView, texts: Collection[str]) -> Iterator[Holding]:
    """Rows, of whatever model, in whose words the entity stands. Raises ConfigError where it cannot be read."""
    from tidemill_operations.references.reading import read_rows

    with database(platform) as engine:
        for table, columns in COLUMNS.items():
            named = [
                row[columns[0]]
                for row in read_rows(engine, table, columns)
                if row.get("act") not in (ACT, DONE) and _names(row, texts)
            ]
            if named:
                shown = ", ".join(map(str, named[:5])) + (", …" if len(named) > 5 else "")
                yield Holding(
                    where=f"database table {table}", state=State.REMAINS, count=len(named), what="rows",
                    why=f"a person or a detector has named it there ({columns[0]} {shown})",
                    cure="look at them, and take the name out by SQL where it is the entity's: they are words of "
                    "people, in which it may stand for something else",
                )  # fmt: skip


def _names(row: dict[str, Any], texts: Collection[str]) -> bool:
    """Whether one of the texts stands in it as a word of its own."""
    said = json.dumps(row, ensure_ascii=False, default=str)
    return any(_stands(said, json.dumps(text, ensure_ascii=False)[1:-1]) for text in texts)


def _stands(said: str, word: str) -> bool:
    at = said.find(word)
    while at >= 0:
        around = said[max(0, at - 1) : at] + said[at + len(word) : at + len(word) + 1]
        if not any(one.isalnum() for one in around):
            return True
        at = said.find(word, at + 1)
    return False


def readers_of_old_rows(platform: PlatformView, model: str, version: int, patience_s: float = CATCH_UP_S) -> list[str]:
    """Who reads versions of a model's table before `version` still, in words: a run, or label time, which is waited for
    a while. Nobody where the list is empty. Raises ConfigError where the database cannot be read.
    """
    deadline = time.monotonic() + patience_s
    while True:
        runs, behind = _readers(platform, model, version)
        if not behind or runs or time.monotonic() > deadline:
            return [*runs, *behind]
        time.sleep(LOOK_EVERY_S)


def _readers(platform: PlatformView, model: str, version: int) -> tuple[list[str], list[str]]:
    from tidemill_operations.references.reading import read_rows

    with database(platform) as engine:
        runs = read_rows(engine, "runs", ("run_id", "model", "state"))
        places = read_rows(engine, "label_time", ("model", "table_version"))
    busy = [f"run {r['run_id']} is {r['state']}" for r in runs if r["model"] == model and r["state"] in OPEN]
    behind = [
        f"label time stands at version {place['table_version']} of the table, not yet at {version} (is the trainer up?)"
        for place in places
        if place["model"] == model and place["table_version"] < version
    ]
    return busy, behind
