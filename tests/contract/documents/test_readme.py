"""What README and tutorial tell a newcomer to write is accepted as it stands there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill_operations.modelling.files.writing import write_model
from tidemill_operations.modelling.new_model import new_model
from tidemill_operations.modelling.roles import Asked
from tidemill_operations.push.files.choices import Choices

ROOT = Path(__file__).resolve().parents[3]


def block(language: str, document: str = "README.md") -> str:
    found = re.search(rf"^( *)```{language}\n(.*?)^ *```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"no {language} block in {document}"
    return textwrap.dedent(found[2])


ROWS = [
    f"o{i},2026-11-01T10:{i % 60:02}:00Z,c{i % 9},{i * 37 % 101},{'abc'[i % 3]},{i * 7919 % 11 < 3}" for i in range(120)
]


def test_the_example_model_is_a_model_of_the_record_that_its_first_command_writes(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("\n".join(["order_id,placed_at,customer,amount,channel,fraud", *ROWS]) + "\n")
    new = new_model(file, Asked(label="fraud"), "orders", Choices())
    write_model(new, tmp_path / "models", tmp_path / "schemas", force=False)
    written = load_models(tmp_path / "models")["orders"]
    (tmp_path / "models" / "orders.yaml").write_text(block("yaml"))
    models = load_models(tmp_path / "models")
    catalog = SchemaCatalog.load(tmp_path / "schemas", models)
    stated = models["orders"]
    assert stated.target.label not in catalog.record("orders").field_names
    for key in ("entity", "event_id", "event_time"):
        assert getattr(stated, key) == getattr(written, key)


def test_the_tutorial_makes_a_file_from_which_a_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python", "docs/tutorial.md"), "tutorial", "exec"), {})
    new = new_model(tmp_path / "orders.csv", Asked(label="fraud"), "orders", Choices())
    write_model(new, tmp_path / "models", tmp_path / "schemas", force=False)
    written = (tmp_path / "models" / "orders.yaml").read_text()
    assert "entity: customer # 800 different ones that come again" in written and "first_after: 2_000" in written
    assert load_models(tmp_path / "models")["orders"].target.task == "binary"
