"""The notebooks of the examples are their scripts, cell by cell; tests/e2e/examples/test_scripts.py runs those."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "scripts" / "notebooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


notebooks = _module()


@pytest.mark.parametrize("script", notebooks.scripts(), ids=lambda path: path.stem)
def test_a_notebook_is_what_make_notebooks_writes(script: Path) -> None:
    written = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert written == notebooks.notebook(script.read_text(encoding="utf-8")), "run `make notebooks`"


def test_all_of_a_script_stands_in_its_notebook_text_without_its_marks() -> None:
    script = "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nx = 1\n\n\n# %%\n# a comment\ny = 2\n"
    made = json.loads(notebooks.notebook(script))
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in made["cells"]] == [
        ("markdown", "# Title\n\nText."),
        ("code", "x = 1"),
        ("code", "# a comment\ny = 2"),
    ]
    assert len({cell["id"] for cell in made["cells"]}) == 3


def test_every_example_with_a_model_has_a_notebook() -> None:
    assert {path.stem for path in notebooks.scripts()} >= {"bank_churn", "car_price", "flights", "telecom_churn"}
