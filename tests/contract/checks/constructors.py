"""How many things a constructor takes: above six, what it works with is one keyword dataclass with a docstring."""

from __future__ import annotations

import ast
from pathlib import Path

MOST_PARAMETERS = 6

HELD = (
    "examples/bank_churn",
    "examples/car_price",
    "examples/flights",
    "libs/cli",
    "libs/core",
    "libs/embedded",
    "libs/expectations",
    "libs/learning",
    "libs/operations",
    "services/drift",
    "services/inference",
    "services/ingest",
    "services/trainer",
    "services/validator",
)
"""Folders in which the rule holds."""


def constructor_problems(root: Path, folders: tuple[str, ...] = HELD) -> list[str]:
    """Constructors that are written out and take too much, with what to do. A keyword dataclass writes none out."""
    paths = sorted(path for folder in folders for path in (root / folder).glob("src/**/*.py"))
    return [
        f"{path.relative_to(root)}: {name} takes {count} things: more than {MOST_PARAMETERS} are one keyword dataclass"
        for path in paths
        for name, count in _constructors(ast.parse(path.read_text()))
        if count > MOST_PARAMETERS
    ]


def _constructors(tree: ast.Module) -> list[tuple[str, int]]:
    """Each class with an `__init__` of its own, and what that takes besides `self`."""
    return [
        (one.name, _parameters(function.args) - 1)
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
        for function in one.body
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
    ]


def _parameters(of: ast.arguments) -> int:
    return len(of.posonlyargs) + len(of.args) + len(of.kwonlyargs)
