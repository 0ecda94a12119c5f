"""Writes each example's script as a notebook beside it, so that nothing stands twice: `make notebooks`.

A script's cells begin with `# %%`, or `# %% [markdown]` where they are text (the percent format, which editors run cell
by cell, too). Notebooks have format 4.5, no outputs, and the same bytes for the same script.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CELL = re.compile(r"^# %%( \[markdown\])?\n", re.MULTILINE)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def scripts() -> list[Path]:
    """The scripts of the examples: each is called as its folder."""
    return [path for path in sorted(ROOT.glob("examples/*/*.py")) if path.stem == path.parent.name]


def notebook(script: str) -> str:
    """The notebook of a script in the percent format."""
    _, *parts = CELL.split(script)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    cells = [_cell(number, bool(kind), text) for number, (kind, text) in enumerate(pairs)]
    return json.dumps({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _cell(number: int, is_text: bool, text: str) -> dict[str, Any]:
    lines = text.strip().splitlines(keepends=True)
    if is_text:
        source = [line.removeprefix("#").removeprefix(" ") for line in lines]
        return {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": source}
    common = {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": lines}
    return {**common, "execution_count": None, "outputs": []}


def main() -> int:
    for path in scripts():
        target = path.with_suffix(".ipynb")
        target.write_text(notebook(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"notebooks: wrote {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
