"""Python sources of the packages in a tree, parsed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """One module: `group` is `libs`, `services` or `examples`, `package` the folder in it, `inside` its path within the
    package.
    """

    path: Path
    group: str
    package: str
    inside: Path
    tree: ast.Module

    @property
    def where(self) -> str:
        """The module for people: `services/trainer: adapters/tracking.py`."""
        return f"{self.group}/{self.package}: {self.inside.as_posix()}"


def sources(root: Path) -> Iterator[Source]:
    """Every module below `<root>/{libs,services,examples}/*/src/<import package>/`."""
    for group in ("libs", "services", "examples"):
        for path in sorted((root / group).glob("*/src/*/**/*.py")):
            parts = path.relative_to(root).parts
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
            yield Source(path, group, parts[1], Path(*parts[4:]), tree)


def import_name(root: Path, group: str, package: str) -> str:
    """The import package of a folder: the one below its `src`."""
    (name,) = [path.name for path in (root / group / package / "src").iterdir() if (path / "__init__.py").exists()]
    return name


def imports(source: Source, own_name: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports, at any depth, relative imports resolved.

    `from a import b` gives `a.b`, since b may be a module.
    """
    package = [own_name, *source.inside.parent.parts]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
