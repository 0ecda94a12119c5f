"""How many series there can be is known: every label of a metric has values that something bounds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(ROOT.glob("*/*/src/**/metrics.py"))
KINDS = {"Counter", "Gauge", "Histogram"}
BOUNDED_BY = {
    "the model files": {"model", "expectation", "column", "severity", "metric", "subject"},
    "the topics of the contract": {"topic", "role", "group"},
    "partitions": {"partition"},
    "names in the code": {
        "action", "arm", "cause", "channel", "detector", "failure", "helper", "kind", "outcome", "reason", "sealed",
        "service", "source", "stage", "state",
    },
    "HTTP: templates of paths, known methods, statuses that are answered": {"path", "method", "status"},
    "OfVersions, which forgets old ones": {"version"},
    "a setting of the process": {"file"},
    "the model files at work: the hash before is removed": {"hash"},
}  # fmt: skip
"""A new label stands here with what bounds it. An id of a record, an entity or a caller has no place in a metric."""
ONE_OF_A_PROCESS = {"tidemill_build_info"}
"""Their version is the program's own."""


def declared(path: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Variable, name and labels of each metric."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        call, (variable,) = node.value, node.targets
        if isinstance(call.func, ast.Name) and call.func.id in KINDS and isinstance(variable, ast.Name):
            texts = [one for one in call.args if isinstance(one, ast.Constant)]
            lists = [one for one in call.args if isinstance(one, ast.List)]
            yield (
                variable.id,
                str(texts[0].value),
                {str(e.value) for one in lists for e in one.elts if isinstance(e, ast.Constant)},
            )


def forgotten(path: Path) -> set[str]:
    """The metrics that `OfVersions` looks after in a file."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "OfVersions"]
    return {one.id for call in named for one in call.args if isinstance(one, ast.Name)}


def test_every_label_of_every_metric_is_bounded_by_something_that_is_named() -> None:
    known = set().union(*BOUNDED_BY.values())
    found = {label for path in FILES for _, _, labels in declared(path) for label in labels}
    assert found == known


def test_what_is_told_by_version_is_told_of_the_newest_alone() -> None:
    for path in FILES:
        by_version = {
            variable
            for variable, name, labels in declared(path)
            if "version" in labels and name not in ONE_OF_A_PROCESS
        }
        assert by_version == forgotten(path), path
