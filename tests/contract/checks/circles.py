"""Circles of imports inside a package: modules that can only be understood, or loaded, together.

What counts is what is imported when a module is loaded: not for type checkers alone, and not inside a function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.contract.checks.sources import Source, import_name, sources


def circle_problems(root: Path) -> list[str]:
    """One circle of each package that has any, as `a -> b -> a`."""
    packages: dict[str, dict[str, set[str]]] = {}
    for source in sources(root):
        own = import_name(root, source.group, source.package)
        name = _name(own, source)
        around = set(_with_packages(name))  # being loaded already: what they import comes before, or not at all
        packages.setdefault(own, {})[name] = set(_loaded(source)) - (around - {name})
    return [circle for graph in packages.values() if (circle := _circle(graph)) is not None]


def _name(own: str, source: Source) -> str:
    parts = source.inside.with_suffix("").parts
    return ".".join((own, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _loaded(source: Source) -> Iterator[str]:
    for node in _on_load(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_packages(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _with_packages(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _with_packages(name: str) -> Iterator[str]:
    """A module and the packages around it: theirs is loaded first."""
    parts = name.split(".")
    yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _on_load(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _on_load(node)


def _circle(graph: Mapping[str, set[str]]) -> str | None:
    known = {module: {name for name in loaded if name in graph and name != module} for module, loaded in graph.items()}
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        return _from_first(list(reversed(error.args[1])))
    return None


def _from_first(circle: list[str]) -> str:
    """The circle from the module that comes first in the alphabet, so that it is told the same each time."""
    around = circle[:-1]
    start = around.index(min(around))
    return " -> ".join([*around[start:], *around[: start + 1]])
