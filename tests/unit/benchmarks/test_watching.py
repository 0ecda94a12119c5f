"""What the benchmark of watching measures is done: windows close, and labels meet their predictions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.drift import remembering
from benchmarks.drift.events import MODEL, NEVER_LABELLED, ROLES, contract, encoded
from benchmarks.rivals.watching import Watch

from tidemill.codec import Codec
from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog


def test_windows_of_all_three_kinds_are_profiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contract(tmp_path)
    remembering.run(str(tmp_path), "10000")
    looks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert looks[-1]["predictions"] == 10_000
    assert looks[-1]["profiles"] == 2 + 2 + 1, "labels of a window may still be waited for"


def test_the_rivals_count_the_same_events(tmp_path: Path) -> None:
    contract(tmp_path)
    schemas = SchemaCatalog.load(tmp_path / "schemas", load_models(tmp_path / "models"))
    made, watch = encoded(0, 200, 0, Codec(schemas), schemas), Watch(str(tmp_path), MODEL)
    for role in ROLES:
        for value in made.values[role]:
            watch.take(role, value)
    assert len(made.values["labels"]) == 200 - 200 // NEVER_LABELLED
    assert watch.waiting == 200 // NEVER_LABELLED
