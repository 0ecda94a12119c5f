"""Whose an artifact in a shared store is, its removal, and old files of tables."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from sqlalchemy import insert

from tests.support.models.toy_models import toy_manifest
from tests.unit.operations.erase.tables import harbour_events
from tests.unit.trainer.fixtures import CLEAN, PARTS, SCHEMA
from tidemill.artifact import ArtifactError, write_artifact
from tidemill.contracts.events.platform import DataSet, OffsetRange
from tidemill.settings import CommonSettings
from tidemill_operations.lifecycle.policy import Whose
from tidemill_operations.lifecycle.store import artifacts, take
from tidemill_operations.lifecycle.tables import OldFiles, old_files
from tidemill_operations.platform import PlatformView
from tidemill_trainer.collect.training_table import TrainingTable
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.tables import label_time

MODEL = "flight-delay"
DAYS = timedelta(days=30)


@pytest.fixture
def platform(root: Path, tmp_path: Path) -> PlatformView:
    settings = CommonSettings(
        schemas=root / "schemas", models_dir=root / "models", artifacts=str(tmp_path / "artifacts"),
        tables=str(tmp_path / "tables"), database_url=f"sqlite:///{tmp_path / 'registry.db'}",
    )  # fmt: skip
    return PlatformView(settings, {})


def put(folder: Path, name: str, topic: str | None) -> None:
    """An artifact of a data set that was read from this topic; none: an imported one."""
    read = (OffsetRange(topic=topic, partition=0, first=0, last=9),) if topic else ()
    data_set = DataSet(table_uri="file:///t" if topic else "", table_version=1, offsets=read)
    manifest = replace(toy_manifest(MODEL, 1, "distance"), data_set=data_set.to_dict())
    write_artifact((folder / "artifacts" / MODEL / name).as_uri(), {"model.onnx": b"graph"}, manifest)


def test_an_artifact_is_told_by_its_topics_from_those_of_others_and_from_halves(
    platform: PlatformView, tmp_path: Path
) -> None:
    assert list(artifacts(platform, [MODEL])) == []
    put(tmp_path, "1-ours", f"{MODEL}-clean")
    put(tmp_path, "2-theirs", f"staging-{MODEL}-clean")
    put(tmp_path, "3-imported", None)
    half = tmp_path / "artifacts" / MODEL / "4-half"
    half.mkdir()
    (half / "model.onnx").write_bytes(b"gra")
    whose = {one.uri.rpartition("/")[2]: one.whose for one in artifacts(platform, [MODEL])}
    assert whose == {
        "1-ours": Whose.OURS, "2-theirs": Whose.UNKNOWN, "3-imported": Whose.UNKNOWN, "4-half": Whose.NOBODYS,
    }  # fmt: skip
    found = next(one for one in artifacts(platform, [MODEL]) if one.uri.endswith("1-ours"))
    assert found.size > 5 and abs(found.newest_ms - time.time() * 1000) < 60_000


def test_an_artifact_goes_whole_and_again_and_never_from_outside_of_the_store(
    platform: PlatformView, tmp_path: Path
) -> None:
    put(tmp_path, "1-ours", f"{MODEL}-clean")
    (found,) = artifacts(platform, [MODEL])
    take(platform, found)
    take(platform, found)
    assert list(artifacts(platform, [MODEL])) == []
    with pytest.raises(ArtifactError, match="no place below"):
        take(platform, replace(found, uri=(tmp_path / "tables").as_uri()))


def test_old_files_of_a_table_go_and_no_row_and_none_while_label_time_may_read_them(
    platform: PlatformView, tmp_path: Path
) -> None:
    assert old_files(platform, MODEL, DAYS, apply=True) is None
    folder = tmp_path / "tables" / MODEL
    table = TrainingTable(folder.as_uri(), SCHEMA, PARTS)
    for first in range(0, 12, 4):
        table.append(harbour_events(first, 4), {(CLEAN, 0): first + 4})
    rows = DeltaTable(str(folder)).to_pyarrow_table().num_rows
    table.compact()
    assert old_files(platform, MODEL, DAYS, apply=True) is None, "they were taken out just now"

    left = folder / "_kind=event" / "left.parquet"
    left.write_bytes(b"of a writer that was killed")
    assert old_files(platform, MODEL, DAYS, apply=True) is None
    os.utime(left, (time.time() - 40 * 24 * 3_600,) * 2)

    engine = connect(platform.settings.database_url)
    migrate(engine)
    at = {"model": MODEL, "state": {}, "table_version": 1, "taken": 0, "request_id": None, "revision": 0}
    with engine.begin() as connection:
        connection.execute(insert(label_time).values(at | {"changed_at": 0}))
    log = folder / "_delta_log" / f"{2:020d}.json"
    os.utime(log, (time.time() - 40 * 24 * 3_600,) * 2)
    kept = old_files(platform, MODEL, DAYS, apply=True)
    assert kept is not None and "label time stands at version 1" in kept.kept and left.exists()
    os.utime(log)

    assert old_files(platform, MODEL, DAYS, apply=False) == OldFiles(MODEL, folder.as_uri(), 1)
    assert left.exists()
    assert old_files(platform, MODEL, DAYS, apply=True) == OldFiles(MODEL, folder.as_uri(), 1)
    assert not left.exists() and DeltaTable(str(folder)).to_pyarrow_table().num_rows == rows
