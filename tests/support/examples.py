"""The Python of a document, run one piece after the other as its reader would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PIECE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_examples(document: Path, instead: Mapping[str, str]) -> dict[str, Any]:
    """Run every piece in one namespace, which is returned. `instead`: what stands for a text of the document, such as
    an address. A piece that fails is told with its line.
    """
    text = document.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    for found in PIECE.finditer(text):
        line = text.count("\n", 0, found.start(1))
        _run("\n" * line + found[1], document, instead, names)  # its lines are the document's
    return names


def run_script(script: Path, instead: Mapping[str, str]) -> dict[str, Any]:
    """The same for a script as it stands."""
    names: dict[str, Any] = {"__name__": "__main__"}
    _run(script.read_text(encoding="utf-8"), script, instead, names)
    return names


def _run(text: str, place: Path, instead: Mapping[str, str], names: dict[str, Any]) -> None:
    for said, meant in instead.items():
        text = text.replace(said, meant)
    exec(compile(text, str(place), "exec"), names)
