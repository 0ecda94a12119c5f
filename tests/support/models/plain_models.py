"""Model files without what they expect of values: for tests whose records say little."""

from __future__ import annotations

import re
from pathlib import Path

EXPECTATIONS = re.compile(r"^expectations:\n(?:[ \t#-].*\n|\n)*", re.MULTILINE)


def plain_models(models: Path, folder: Path, *names: str) -> Path:
    """A copy of some model files without `expectations`, in a folder below `folder`."""
    plain = folder / "plain-models"
    plain.mkdir(exist_ok=True)
    for name in names:
        text, found = EXPECTATIONS.subn("", (models / f"{name}.yaml").read_text())
        assert found == 1, f"{name} expects nothing"
        (plain / f"{name}.yaml").write_text(text)
    return plain
