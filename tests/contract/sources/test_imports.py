"""Who may import whom holds in this repository, and the check bites. The rules: `checks/imports.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.checks.imports import import_problems

ROOT = Path(__file__).parents[3]


def test_every_import_keeps_the_rules() -> None:
    assert import_problems(ROOT) == []


def tree(root: Path, **modules: str) -> Path:
    """A repository with three services and three libs; `modules` maps `group__package__module` to its text."""
    (root / "services/trainer/src/tidemill_trainer/runs").mkdir(parents=True)
    (root / "services/trainer/src/tidemill_trainer/runs/outbox.py").touch()
    for group, package, name in (
        ("libs", "core", "tidemill"),
        ("libs", "learning", "tidemill_learning"),
        ("libs", "cli", "tidemill_cli"),
        ("services", "inference", "tidemill_inference"),
        ("services", "trainer", "tidemill_trainer"),
        ("services", "validator", "tidemill_validator"),
    ):
        folder = root / group / package / "src" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
        for key, text in modules.items():
            of, package_of, *path = key.split("__")
            if (of, package_of) == (group, package):
                module = folder / ("/".join(path) + ".py")
                module.parent.mkdir(exist_ok=True)
                module.write_text(text)
    return root


@pytest.mark.parametrize(
    ("place", "text", "problem"),
    [
        ("services__trainer__rows", "import tidemill_inference.core", "no package imports another service"),
        (
            "services__trainer__rows",
            "from tidemill_inference import core",
            "no package imports another service",
        ),
        ("services__trainer__wiring", "def f():\n    import tidemill_inference", "another service"),
        ("libs__core__ids", "import tidemill_trainer", "no package imports another service"),
        ("libs__core__ids", "from tidemill_learning import gate", "libs/core stands below it"),
        ("services__trainer__rows", "import confluent_kafka", "logic imports no client"),
        ("services__trainer__rows", "def f():\n    from mlflow.tracking import MlflowClient", "no client"),
        ("services__trainer__rows", "from tidemill.kafka.client import clients", "logic imports no client"),
        ("services__trainer__rows", "from .runs import outbox", "logic imports no adapter"),
        ("libs__learning__gate", "import tidemill_cli.app", "libs/learning stands below it"),
        ("services__trainer__wiring", "from tidemill_cli import app", "no service needs it"),
        (
            "services__trainer__rows",
            "from . import x\nfrom redis import Redis",
            "logic imports no client",
        ),
        ("libs__learning__gate", "import httpx", "logic imports no client"),
        ("services__inference__entrypoints__serve", "import sklearn", "not in this service's image"),
        ("services__inference__main", "from polars import DataFrame", "not in this service's image"),
        ("services__validator__checks__outputs", "import polars", "not in this service's image"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, place: str, text: str, problem: str) -> None:
    (found,) = import_problems(tree(tmp_path, **{place: text}))
    assert problem in found


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("services__trainer__rows", "from tidemill.kafka.batch import Batch\nimport tidemill_learning"),
        (
            "services__trainer__rows",
            "from tidemill_trainer import x\nfrom . import y\nfrom .runs import z",
        ),
        ("services__trainer__runs__outbox", "import confluent_kafka, mlflow"),
        ("services__trainer__main", "import uvicorn"),
        ("services__inference__entrypoints__serve", "import uvicorn"),
        ("libs__core__kafka", "import confluent_kafka"),
    ],
)
def test_an_import_that_the_rules_allow_is_none(tmp_path: Path, place: str, text: str) -> None:
    assert import_problems(tree(tmp_path, **{place: text})) == []
