"""`tidemill topics check`: a record that its model file does not fit any more is held against its history too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tidemill_operations.platform import find_platform
from tidemill_operations.provision.check import schema_problems

MODEL = "flight-delay"


@pytest.fixture
def schemas(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "schemas"
    shutil.copytree(root / "schemas", copy)
    for name, value in {"SCHEMAS": copy, "MODELS": MODEL, "MODELS_DIR": root / "models"}.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", str(value))
    monkeypatch.setenv("TIDEMILL_RUN_FILE", str(tmp_path / "none"))
    return copy


def test_what_stands_in_the_repository_is_well(schemas: Path) -> None:
    assert schema_problems(find_platform(needed=False)) == []


def test_a_field_of_another_type_is_told_by_its_history_and_by_the_only_model_file(schemas: Path) -> None:
    path = schemas / "models" / f"{MODEL}.avsc"
    record = json.loads(path.read_text())
    next(field for field in record["fields"] if field["name"] == "distance")["type"] = ["null", "string"]
    path.write_text(json.dumps(record))
    problems = schema_problems(find_platform(needed=False))
    assert any(problem.startswith(f"{MODEL}: ") and ".distance" in problem for problem in problems), problems
    assert any("flight-delay.yaml:" in problem and "'distance' is string" in problem for problem in problems), problems


def test_a_record_that_is_no_schema_is_told_once_and_ends_nothing(schemas: Path) -> None:
    (schemas / "models" / f"{MODEL}.avsc").write_text('{"type": "recor')
    problems = schema_problems(find_platform(needed=False))
    assert len(problems) == 1 and f"{MODEL}.avsc" in problems[0], problems
