"""Private names that tests reach for: what a test needs has a public door, or it holds how something is done, not what.

A private name begins with one underscore. Tests may use those of their own objects (`self._x`) and of what they import
from other people's modules (`os._exit`), whose doors are not ours to make.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

OURS = ("tidemill", "tests", "benchmarks", "examples")
OWN = ("self", "cls")
BY_NAME = ("getattr", "setattr", "hasattr", "delattr", "object")
"""Functions, and methods of pytest's and mock's patches, that take the name of an attribute as a text."""

ALLOWED: Mapping[tuple[str, str], str] = {
    ("tests/broker/drift/late_answers.py", "_read_offset"): "Faust's: what it has read is nowhere else to be seen",
    ("tests/broker/drift/late_answers.py", "_is_changelog_tp"): "Faust's: it alone knows its tables' topics",
}
"""By file and name, why there is no other way."""


def private_name_problems(root: Path, allowed: Mapping[tuple[str, str], str] = ALLOWED) -> list[str]:
    """Where tests import or reach a private name of the product or of each other, and what is allowed for nothing."""
    problems, unused = [], set(allowed)
    for path in sorted((root / "tests").rglob("*.py")):
        where = path.relative_to(root).as_posix()
        for line, name in _private(ast.parse(path.read_text(encoding="utf-8"))):
            if (where, name) in allowed:
                unused.discard((where, name))
            else:
                problems.append(
                    f"{where}:{line} reaches {name}: use its public door, or make it public and say what it is"
                )
    return problems + [f"{where} no longer reaches {name}: it needs no leave" for where, name in sorted(unused)]


def _private(tree: ast.Module) -> Iterator[tuple[int, str]]:
    others = _others(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, name) for name in _imported(node))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr) and _root(node) not in (*OWN, *others):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, name) for name in _named(node, others))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import tidemill" in node.value:
            yield from ((node.lineno + line - 1, name) for line, name in _private(_program(node.value)))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _others(tree: ast.Module) -> set[str]:
    """Names that stand for other people's modules, and for what is imported from them."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names if not a.name.startswith(OURS)}
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(OURS):
            found |= {a.asname or a.name for a in node.names}
    return found


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    paths = [f"{module}.{a.name}" if module else a.name for a in node.names]
    return [name for path in paths if path.startswith(OURS) for name in path.split(".") if _is_private(name)]


def _root(node: ast.Attribute) -> str:
    """The name at which a chain of attributes begins, but that of an object itself only for what is its own."""
    of: ast.expr = node.value
    if isinstance(of, ast.Name):
        return of.id
    while isinstance(of, ast.Attribute):
        of = of.value
    return of.id if isinstance(of, ast.Name) and of.id not in OWN else ""


def _named(call: ast.Call, others: set[str]) -> list[str]:
    """Private names that a call gives as texts: of an attribute, or at the end of a dotted path."""
    texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    dotted = [text for text in texts if text.startswith(OURS) and "." in text and text.replace(".", "_").isidentifier()]
    found = [name for text in dotted for name in text.split(".") if _is_private(name)]
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    of_others = call.args and isinstance(call.args[0], ast.Name) and call.args[0].id in others
    if function in BY_NAME and not of_others:
        found += [text for text in texts if _is_private(text) and text.isidentifier()]
    return found


def _program(text: str) -> ast.Module:
    """A program that a test runs in a process of its own; nothing where the text is none."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])
