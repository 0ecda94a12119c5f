"""What documents name exists: links, and paths of Python files in full or in a short form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

PYTHON_PATH = re.compile(r"(?<![\w./*{}<>-])[\w.-]+(?:/[\w.-]+)*\.py\b(?![\w*{])")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
LEFT_OUT = {".venv", "var", ".git", "node_modules"}


def documents(root: Path) -> list[Path]:
    """All Markdown files of the repository."""
    return sorted(p for p in root.rglob("*.md") if not LEFT_OUT & set(p.relative_to(root).parts))


def sources(root: Path) -> list[tuple[str, ...]]:
    """All Python files as the parts of their paths."""
    found = (p.relative_to(root).parts for p in root.rglob("*.py"))
    return sorted(parts for parts in found if not LEFT_OUT & set(parts))


def is_short_for(path: tuple[str, ...], source: tuple[str, ...]) -> bool:
    """Whether `path` ends with the file's name and has no folder that is not, in this order, on the way to it:
    `services/drift/main.py` is short for `services/drift/src/tidemill_drift/main.py`.
    """
    if source[0] == "tests" and path[0] != "tests" and not path[-1].startswith("test_"):
        return False  # what a document says of the product is not true because of a test's name
    way = iter(source[:-1])
    return path[-1] == source[-1] and all(part in way for part in path[:-1])


def path_problems(root: Path) -> list[str]:
    """Python files that a document names and that are not there."""
    by_name: dict[str, list[tuple[str, ...]]] = {}
    for source in sources(root):
        by_name.setdefault(source[-1], []).append(source)
    return [
        f"{document.relative_to(root)}:{number} names {path}, which is not there"
        for document in documents(root)
        for number, path in _named(document)
        if not _exists(tuple(part for part in path.split("/") if part not in (".", "..")), by_name)
    ]


def link_problems(root: Path) -> list[str]:
    """Links of documents within the repository that lead nowhere."""
    return [
        f"{document.relative_to(root)} links to {link}, which is not there"
        for document in documents(root)
        for link in LINK.findall(document.read_text())
        if not (document.parent / link).exists()
    ]


def deciding(document: str) -> list[tuple[str, list[str]]]:
    """The files in bold, with the functions in brackets behind them."""
    found = re.findall(r"\*\*`([\w/.-]+\.py)`\*\*\s*\(([^)]*)\)", document)
    return [(path, re.findall(r"`([\w.]+)`", names)) for path, names in found]


def has(source: str, name: str) -> bool:
    """Whether a source has this function, or this `Class.method`."""
    body: list[ast.stmt] = ast.parse(source).body
    for part in name.split("."):
        named = [
            n for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.name == part
        ]
        if not named:
            return False
        body = named[0].body
    return True


def _named(document: Path) -> Iterable[tuple[int, str]]:
    for number, line in enumerate(document.read_text().splitlines(), 1):
        for path in PYTHON_PATH.findall(line):
            yield number, path


def _exists(path: tuple[str, ...], by_name: dict[str, list[tuple[str, ...]]]) -> bool:
    return any(is_short_for(path, source) for source in by_name.get(path[-1], ()))
