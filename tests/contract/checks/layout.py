"""The shape of packages and sources: what each has, how long a file may be, and what no file may hold."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.contract.checks.sources import sources

SERVICES = {"ingest", "validator", "trainer", "inference", "drift"}
SERVICE_FILES = ("pyproject.toml", "README.md", "requirements.txt")
SERVICE_MODULES = ("__init__.py", "__main__.py", "main.py", "settings.py", "metrics.py")
LONGEST_FILE = 300
LONGEST_MAIN = 40
MOST_MODULES = 12
GROUPS = ("libs", "services", "examples", "benchmarks", "scripts", "tests")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:work|tmp|root|home)/\w")


def package_problems(root: Path) -> list[str]:
    """What the packages lack: the five services, their files and modules, a `py.typed` in each package."""
    found = {path.parent.name for path in (root / "services").glob("*/pyproject.toml")}
    problems = [f"services/{name} is missing" for name in sorted(SERVICES - found)]
    problems += [f"services/{name} is not one of the five services" for name in sorted(found - SERVICES)]
    for name in sorted(found & SERVICES):
        folder = root / "services" / name
        needed = [*SERVICE_FILES, *(f"src/tidemill_{name}/{module}" for module in SERVICE_MODULES)]
        problems += [f"services/{name} has no {file}" for file in needed if not (folder / file).is_file()]
    for package in sorted(
        [
            *root.glob("libs/*/src/*/__init__.py"),
            *root.glob("services/*/src/*/__init__.py"),
            *root.glob("examples/*/src/*/__init__.py"),
        ]
    ):
        if not (package.parent / "py.typed").is_file():
            problems.append(f"{package.parent.relative_to(root)} has no py.typed")
    return problems


def length_problems(root: Path) -> list[str]:
    """Sources that are longer than one idea is."""
    lengths = ((source, len(source.path.read_text(encoding="utf-8").splitlines())) for source in sources(root))
    return [
        f"{source.where} has {lines} lines: more than {LONGEST_FILE} are more than one idea"
        for source, lines in lengths
        if lines > LONGEST_FILE
    ]


def main_problems(root: Path) -> list[str]:
    """Services whose `main.py` is more than the command: what builds the parts stands in `wiring.py`."""
    mains = sorted(root.glob("services/*/src/*/main.py"))
    lengths = [(path, len(path.read_text(encoding="utf-8").splitlines())) for path in mains]
    return [
        f"{path.relative_to(root)} has {lines} lines: more than {LONGEST_MAIN} are wiring"
        for path, lines in lengths
        if lines > LONGEST_MAIN
    ]


def folder_problems(root: Path) -> list[str]:
    """Folders of so many modules that their names no longer say where to look, tests and benchmarks included."""
    python = (path for group in GROUPS for path in (root / group).rglob("*.py"))
    modules = Counter(path.parent for path in python if path.name != "__init__.py")
    return [
        f"{folder.relative_to(root)} has {count} modules: more than {MOST_MODULES} want rooms"
        for folder, count in sorted(modules.items())
        if count > MOST_MODULES
    ]


def unfinished_problems(root: Path, folders: tuple[str, ...] = ("libs", "services", "examples", "tests")) -> list[str]:
    """Marks of unfinished work, swallowed errors, skipped tests, and paths of one machine."""
    paths = (path for folder in folders for path in sorted((root / folder).rglob("*.py")))
    return [f"{path.relative_to(root)}:{line} {what}" for path in paths for line, what in _unfinished(path)]


def _unfinished(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and UNFINISHED.search(token.string):
            yield token.start[0], "is marked as unfinished"
    for node in ast.walk(ast.parse(text)):
        what = _smell(node)
        if what and isinstance(node, ast.AST) and hasattr(node, "lineno"):
            yield node.lineno, what


def _smell(node: ast.AST) -> str:
    if isinstance(node, ast.ExceptHandler) and all(isinstance(statement, ast.Pass) for statement in node.body):
        return "swallows an error"
    if isinstance(node, ast.Name) and node.id == "NotImplementedError":
        return "is not implemented"
    if isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail", "importorskip"):
        of = node.value
        if (isinstance(of, ast.Name) and of.id == "pytest") or (isinstance(of, ast.Attribute) and of.attr == "mark"):
            return f"is left out by pytest.{node.attr}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and MACHINE_PATH.search(node.value):
        return f"names a path of one machine: {node.value[:60]!r}"
    return ""
