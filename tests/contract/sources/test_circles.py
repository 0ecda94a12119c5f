"""No circle of imports in any package, and the check bites. The rule: `checks/circles.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.checks.circles import circle_problems

ROOT = Path(__file__).parents[3]


def test_no_package_has_a_circle_of_imports() -> None:
    assert circle_problems(ROOT) == []


@pytest.mark.parametrize(
    ("of_b", "circle"),
    [
        ("from tidemill import a", True),
        ("import tidemill.a", True),
        ("from tidemill.a import x", True),
        ("def f():\n    from tidemill import a", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tidemill.a import x", False),
        ("import json", False),
    ],
)
def test_a_circle_is_found(tmp_path: Path, of_b: str, circle: bool) -> None:
    package = tmp_path / "libs/core/src/tidemill"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "a.py").write_text("from tidemill.b import y\n")
    (package / "b.py").write_text(of_b)
    assert circle_problems(tmp_path) == (["tidemill.a -> tidemill.b -> tidemill.a"] if circle else [])
