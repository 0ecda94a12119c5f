"""The platform's events of any time are read by what is written now; and each rule broken once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.checks.platform_history import platform_history_problems
from tests.contract.contract import SCHEMAS
from tidemill.contracts.schemas.catalog import read_schema

NAME = "arm-report"
Fields = list[dict[str, Any]]


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """The contract, to be changed."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def change(schemas: Path, how: Callable[[Fields], object]) -> Path:
    """Change the fields of a schema; gives where its history keeps it."""
    path = schemas / f"{NAME}.avsc"
    document = json.loads(path.read_text())
    how(document["fields"])
    path.write_text(json.dumps(document))
    return schemas / "history" / NAME / f"{read_schema(path).fingerprint.hex()}.avsc"


def with_default(fields: Fields) -> None:
    fields.append({"name": "seen", "type": ["null", "string"], "default": None})


def test_every_event_that_was_ever_written_is_read_by_what_is_written_now() -> None:
    assert platform_history_problems(SCHEMAS) == []


def test_a_schema_that_changes_is_kept_and_then_all_is_well(schemas: Path) -> None:
    kept = change(schemas, with_default)
    (problem,) = platform_history_problems(schemas)
    path = schemas / f"{NAME}.avsc"
    assert problem == f"{NAME}: what is written now is not kept: mkdir -p {kept.parent} && cp {path} {kept}"
    shutil.copy(path, kept)
    assert platform_history_problems(schemas) == []


@pytest.mark.parametrize(
    "how",
    [
        lambda fields: fields.append({"name": "seen", "type": "string"}),
        lambda fields: fields[0].update(type="int"),
        lambda fields: fields[0].update(name="another"),
    ],
    ids=["a field without a default", "a type that does not widen", "another name"],
)
def test_a_change_that_leaves_earlier_events_unread_is_found(schemas: Path, how: Callable[[Fields], object]) -> None:
    kept = change(schemas, how)
    shutil.copy(schemas / f"{NAME}.avsc", kept)
    problems = platform_history_problems(schemas)
    assert problems and all(problem.startswith(f"{NAME}: ") and "not kept" not in problem for problem in problems)


def test_what_was_written_is_not_changed_afterwards(schemas: Path) -> None:
    (stored,) = (schemas / "history" / NAME).glob("*.avsc")
    document = json.loads(stored.read_text())
    with_default(document["fields"])
    stored.write_text(json.dumps(document))
    assert any(f"{stored.name} was changed" in problem for problem in platform_history_problems(schemas))


def test_an_event_that_is_written_no_more_keeps_its_schema(schemas: Path) -> None:
    (schemas / f"{NAME}.avsc").unlink()
    (problem,) = platform_history_problems(schemas)
    assert problem.startswith(f"history/{NAME}: ")
