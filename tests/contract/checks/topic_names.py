"""No topic is named in code: names come from `topics.yaml` through `TopicCatalog`.

Looked at are string constants, parts of f-strings among them, but not docstrings. A string is a topic's name
if it has no blank in it, is no option of a command line (`--labels`), and is the name of a shared topic, or
ends like the topic of a model (`-raw`, `-labels-raw-dlq`, ...).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.contract.checks.sources import Source, sources
from tidemill.contracts.topics import MODEL_PLACE, TopicSpec

THE_PLACE = ("core", Path("contracts", "topics.py"))
"""Where names are made from `topics.yaml`."""


def topic_name_problems(root: Path, specs: tuple[TopicSpec, ...]) -> list[str]:
    """Every string constant in the tree that names a topic, with its place."""
    shared = {spec.pattern for spec in specs if not spec.per_model and "-" in spec.pattern}
    endings = (*(spec.pattern.replace(MODEL_PLACE, "") for spec in specs if spec.per_model), "-dlq")
    return [
        f"{source.where}:{line} names the topic {text!r}: ask TopicCatalog for it by role"
        for source in sources(root)
        if (source.package, source.inside) != THE_PLACE
        for line, text in _constants(source)
        if not _is_prose_or_option(text) and (text in shared or text.endswith(endings))
    ]


def _is_prose_or_option(text: str) -> bool:
    return text.startswith("--") or any(c.isspace() for c in text)


def _constants(source: Source) -> Iterator[tuple[int, str]]:
    docstrings = {id(node) for node in _docstrings(source.tree)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Strings that stand alone as a statement: docstrings, and those below a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
