"""The history of record schemas: recorded, checked, and enough to read what is in flight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.contracts.model_file.model_text import MINIMAL, parse
from tidemill.contracts.schemas.catalog import read_history, read_schema
from tidemill.contracts.schemas.history import check_history, history_path, main, record_history
from tidemill.errors import ConfigError

TIME = {"type": "long", "logicalType": "timestamp-millis"}
MODELS = {"loan-default": parse(MINIMAL)}


def write_record(schemas: Path, amount: Any = "double", **more: Any) -> None:
    kinds = {"event_id": "string", "customer": ["null", "string"], "asked_at": TIME, "amount": amount}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    fields += [{"name": name, **field} for name, field in more.items()]
    path = schemas / "models" / "loan-default.avsc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "record", "name": "Loan", "fields": fields}))


def test_a_record_schema_that_is_not_in_its_history_is_a_problem_until_it_is_recorded(tmp_path: Path) -> None:
    write_record(tmp_path)
    (problem,) = check_history(tmp_path, MODELS)
    assert "is not in its history" in problem
    (path,) = record_history(tmp_path, MODELS)
    current = read_schema(tmp_path / "models" / "loan-default.avsc")
    assert path == history_path(tmp_path, "loan-default", current.fingerprint)
    assert check_history(tmp_path, MODELS) == []
    assert record_history(tmp_path, MODELS) == []


def test_a_compatible_change_keeps_both_schemas(tmp_path: Path) -> None:
    write_record(tmp_path)
    record_history(tmp_path, MODELS)
    write_record(tmp_path, rate={"type": ["null", "double"], "default": None})
    assert len(check_history(tmp_path, MODELS)) == 1
    record_history(tmp_path, MODELS)
    assert check_history(tmp_path, MODELS) == []
    assert len(read_history(tmp_path, "loan-default")) == 2


@pytest.mark.parametrize(
    ("amount", "more", "problem"),
    [
        ("string", {}, "amount: was double and is string now"),
        ("double", {"rate": {"type": "double"}}, "rate: is new and has no default"),
    ],
)
def test_a_change_that_breaks_what_is_in_flight_is_a_problem_and_is_not_recorded(
    tmp_path: Path, amount: Any, more: dict[str, Any], problem: str
) -> None:
    write_record(tmp_path)
    record_history(tmp_path, MODELS)
    write_record(tmp_path, amount, **more)
    assert any(problem in found for found in check_history(tmp_path, MODELS))
    with pytest.raises(ConfigError, match=problem):
        record_history(tmp_path, MODELS)
    assert len(read_history(tmp_path, "loan-default")) == 1


def test_a_changed_logical_type_is_a_problem_though_the_fingerprint_stays(tmp_path: Path) -> None:
    write_record(tmp_path, "long")
    record_history(tmp_path, MODELS)
    write_record(tmp_path, TIME)
    (problem,) = check_history(tmp_path, MODELS)
    assert "amount: was long and is timestamp-millis now: use a new field" in problem


def test_a_changed_default_is_no_problem_though_the_fingerprint_stays(tmp_path: Path) -> None:
    write_record(tmp_path, rate={"type": "double", "default": 0.0})
    record_history(tmp_path, MODELS)
    write_record(tmp_path, rate={"type": "double", "default": 1.0, "doc": "Per year."})
    assert check_history(tmp_path, MODELS) == []


def test_a_stored_schema_that_was_edited_is_a_problem(tmp_path: Path) -> None:
    write_record(tmp_path)
    (path,) = record_history(tmp_path, MODELS)
    path.write_text(path.read_text().replace('"double"', '"float"'))
    (problem,) = check_history(tmp_path, MODELS)
    assert "what was in use is never changed" in problem


def test_by_hand_it_records_or_only_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_record(tmp_path / "schemas")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "loan-default.yaml").write_text(MINIMAL)
    folders = ["--schemas", str(tmp_path / "schemas"), "--models", str(tmp_path / "models")]
    assert main([*folders, "--check"]) == 1
    assert "is not in its history" in capsys.readouterr().err
    assert main(folders) == 0
    assert "recorded" in capsys.readouterr().out
    assert main([*folders, "--check"]) == 0
    assert main(["--schemas", str(tmp_path), "--models", str(tmp_path / "none")]) == 1
