"""With --json there is one value on standard output, whatever else is said; and lines are never folded in a pipe."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.table import Table

from tidemill_cli.app import cli
from tidemill_cli.rendering.terminal import console

ROWS = "order_id,ordered_at,amount,country,fraud\n" + "".join(
    f"o{n},2026-01-{1 + n % 28:02}T{n % 24:02}:00:00Z,{n % 97}.5,{'DE' if n % 3 else 'CH'},{n % 5 == 0}\n"
    for n in range(400)
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEMILL_KAFKA_BOOTSTRAP", "TIDEMILL_SCHEMAS", "TIDEMILL_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "orders.csv").write_text(ROWS)
    return tmp_path


def told(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_init_and_models_new_say_what_they_wrote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = told("init", "shop", "--from", "orders.csv", "--label", "fraud")
    assert made["model"]["model"] == "orders" and made["next"][1] == "tidemill up"
    written = [Path(path) for path in (*made["files"], *made["model"]["files"])]
    assert all(path.is_file() for path in written)
    monkeypatch.chdir(folder / "shop")
    second = told("models", "new", "--from", "../orders.csv", "--label", "amount", "--name", "amounts")
    assert second["model"] == "amounts" and second["notes"] is not None
    assert told("check")["models"] == ["amounts", "orders"]
    assert told("topics", "check") == {"problems": []}


def test_a_key_is_made_once_and_its_place_told(folder: Path) -> None:
    made = told("models", "new-key")
    assert made["made"] and Path(made["signs"]).is_file()
    assert not told("models", "new-key", "--keep")["made"]


def test_an_imported_suite_says_what_was_left(folder: Path) -> None:
    rules = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}},
        {"type": "expect_column_to_exist", "kwargs": {"column": "amount"}},
    ]
    (folder / "suite.json").write_text(json.dumps({"name": "s", "expectations": rules}))
    found = told("quality", "import", "suite.json", code=3)
    assert [one["expectation"] for one in found["taken"]] == ["expect_column_values_to_not_be_null"]
    assert [one["expectation"] for one in found["left"]] == ["expect_column_to_exist"] and found["total"] == 2


def test_a_cell_of_any_length_stays_on_its_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("topic", "reason", box=None)
    table.add_row("t" * 300, "why " * 5_000)
    table.add_row("short", "none")
    reading, writing = os.pipe()
    found: list[str] = []

    def read() -> None:
        with os.fdopen(reading, encoding="utf-8") as text:
            found.extend(text)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        console().print(table)
    reader.join(10)
    assert [line.split()[0] for line in found] == ["topic", "t" * 300, "short"]
