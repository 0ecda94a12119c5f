"""What the README tells a newcomer to write is accepted as it stands there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tidemill.contracts.model_file import load_models
from tidemill.contracts.schemas.catalog import SchemaCatalog

ROOT = Path(__file__).resolve().parents[3]


def block(language: str) -> str:
    found = re.search(rf"^( *)```{language}\n(.*?)^ *```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"no {language} block in README.md"
    return textwrap.dedent(found[2])


def test_the_example_model_is_a_model(tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    (schemas / "models").mkdir(parents=True)
    for path in [*(ROOT / "schemas").glob("*.avsc"), ROOT / "schemas/topics.yaml"]:
        (schemas / path.name).write_text(path.read_text())
    (schemas / "models" / "loan.avsc").write_text(block("json"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "loan.yaml").write_text(block("yaml"))
    models = load_models(tmp_path / "models")
    catalog = SchemaCatalog.load(schemas, models)
    assert models["loan"].target.label not in catalog.record("loan").field_names
