"""A training table whose rows have times that a test chooses, and a platform around it without brokers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from sqlalchemy import insert

from tests.unit.trainer.fixtures import CLEAN, LABELS, PARTS, SCHEMA, SPEC, events, labels
from tidemill.contracts.model_file import ModelSpec
from tidemill.settings import CommonSettings
from tidemill_learning.data_set.table_rows import KIND, OFFSET, TIME
from tidemill_learning.training.labelled import EVENT_TIME
from tidemill_operations.platform import PlatformView
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.tables import runs

DAY_MS = 24 * 3_600_000
NOW_MS = 1_000 * DAY_MS
KEPT = timedelta(days=400)
BEFORE_MS = 600 * DAY_MS
"""What is older at NOW_MS than rows are kept."""

KEEPING: ModelSpec = replace(SPEC, rows_kept=KEPT)


def days(*numbers: int) -> list[int]:
    """Days as us since the epoch."""
    return [number * DAY_MS * 1_000 for number in numbers]


def rows_at(first: int, times: Sequence[int | None]) -> pa.Table:
    """An event and its label at each of these times (us), at offsets from `first` on."""
    both = pa.concat_tables([events(first, len(times)), labels(first, len(times))])
    at = both.schema.get_field_index(EVENT_TIME)
    return both.set_column(at, both.schema.field(at), pa.array([*times, *times], pa.int64()).cast(TIME))


def table_at(folder: Path) -> TrainingTable:
    """The model's table, empty where there is none."""
    return TrainingTable((folder / "tables" / "tide").as_uri(), SCHEMA, PARTS)


def append(table: TrainingTable, first: int, times: Sequence[int | None]) -> None:
    """One commit of such rows."""
    end = first + len(times)
    table.append(rows_at(first, times), {(CLEAN, 0): end, (LABELS, 0): end})


def uri_of(folder: Path) -> str:
    """Where the table is."""
    return (folder / "tables" / "tide").as_uri()


def offsets(folder: Path, kind: str = "event") -> list[int]:
    """Offsets of the rows of a kind, sorted: one that stands twice is there twice."""
    found = DeltaTable(uri_of(folder)).to_pyarrow_table(columns=[KIND, OFFSET], filters=[(KIND, "=", kind)])
    return sorted(found.column(OFFSET).to_pylist())


def platform(folder: Path) -> PlatformView:
    """With a database that the trainer has migrated."""
    settings = CommonSettings(
        artifacts=str(folder / "artifacts"), tables=str(folder / "tables"),
        database_url=f"sqlite:///{folder / 'registry.db'}", trusted_keys=folder / "keys" / "trusted.pem",
    )  # fmt: skip
    migrate(connect(settings.database_url))
    return PlatformView(settings, {"tide": KEEPING})


def open_run(here: PlatformView, run_id: str) -> None:
    """A run of the model that is accepted."""
    engine = connect(here.settings.database_url)
    values = {column.name: _plain(column) for column in runs.columns if not column.nullable}
    with engine.begin() as connection:
        connection.execute(insert(runs).values(values | {"run_id": run_id, "model": "tide", "state": "accepted"}))


def end_runs(here: PlatformView) -> None:
    """All of them are finished."""
    with connect(here.settings.database_url).begin() as connection:
        connection.execute(runs.update().values(state="finished"))


def _plain(column: object) -> object:
    kind = column.type.python_type  # type: ignore[attr-defined]
    return {int: 0, str: "x", bool: False, float: 0.0, bytes: b"", dict: {}, list: []}.get(kind)
