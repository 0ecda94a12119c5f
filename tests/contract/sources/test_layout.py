"""The shape of packages and sources, and each check broken once. The rules stand in `checks/layout.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.checks.layout import (
    LONGEST_FILE,
    LONGEST_MAIN,
    MOST_MODULES,
    SERVICE_FILES,
    SERVICE_MODULES,
    SERVICES,
    folder_problems,
    length_problems,
    main_problems,
    package_problems,
    unfinished_problems,
)

ROOT = Path(__file__).parents[3]


def test_every_service_has_its_files() -> None:
    assert package_problems(ROOT) == []


def test_no_source_is_too_long() -> None:
    assert length_problems(ROOT) == []


def test_every_service_is_entered_through_a_short_main() -> None:
    assert main_problems(ROOT) == []


def test_a_main_that_wires_is_found(tmp_path: Path) -> None:
    root = repository(tmp_path)
    main = root / "services/drift/src/tidemill_drift/main.py"
    main.write_text("x = 1\n" * LONGEST_MAIN)
    assert main_problems(root) == []
    main.write_text("x = 1\n" * (LONGEST_MAIN + 1))
    assert main_problems(root) == ["services/drift/src/tidemill_drift/main.py has 41 lines: more than 40 are wiring"]


def test_no_folder_has_more_modules_than_a_person_looks_through() -> None:
    assert folder_problems(ROOT) == []


@pytest.mark.parametrize(
    "where",
    [
        "services/drift/src/tidemill_drift/adapters",
        "libs/core/src/tidemill/kafka",
        "tests/faults",
        "benchmarks/cases",
        "scripts",
        "examples/flights/demo",
    ],
)
def test_a_folder_of_too_many_modules_is_found(tmp_path: Path, where: str) -> None:
    root = repository(tmp_path)
    folder = root / where
    folder.mkdir(parents=True)
    for number in range(MOST_MODULES):
        (folder / f"m{number}.py").touch()
    (folder / "__init__.py").touch()
    assert folder_problems(root) == []
    (folder / "one_more.py").touch()
    assert folder_problems(root) == [f"{where} has 13 modules: more than 12 want rooms"]


def test_nothing_is_left_unfinished_swallowed_skipped_or_bound_to_one_machine() -> None:
    assert unfinished_problems(ROOT) == []


def repository(root: Path) -> Path:
    """A tree in which nothing is missing."""
    for name in SERVICES:
        folder = root / "services" / name
        (folder / "src" / f"tidemill_{name}").mkdir(parents=True)
        for file in (
            *SERVICE_FILES,
            *(f"src/tidemill_{name}/{module}" for module in (*SERVICE_MODULES, "py.typed")),
        ):
            (folder / file).write_text("")
    return root


def test_a_missing_file_service_or_marker_is_found(tmp_path: Path) -> None:
    root = repository(tmp_path)
    assert package_problems(root) == []
    (root / "services/drift/requirements.txt").unlink()
    (root / "services/ingest/src/tidemill_ingest/py.typed").unlink()
    (root / "services/trainer/pyproject.toml").unlink()
    (root / "services/billing").mkdir()
    (root / "services/billing/pyproject.toml").touch()
    assert package_problems(root) == [
        "services/trainer is missing",
        "services/billing is not one of the five services",
        "services/drift has no requirements.txt",
        "services/ingest/src/tidemill_ingest has no py.typed",
    ]


def test_a_file_that_is_too_long_is_found(tmp_path: Path) -> None:
    root = repository(tmp_path)
    path = root / "services/drift/src/tidemill_drift/main.py"
    path.write_text("\n" * LONGEST_FILE)
    assert length_problems(root) == []
    path.write_text("\n" * (LONGEST_FILE + 1))
    (found,) = length_problems(root)
    assert "services/drift: main.py has 301 lines" in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1  # TODO: more", "1 is marked as unfinished"),
        ("try:\n    f()\nexcept ValueError:\n    pass", "3 swallows an error"),
        ("def f():\n    raise NotImplementedError", "2 is not implemented"),
        ("import pytest\n@pytest.mark.skip\ndef f(): ...", "2 is left out by pytest.skip"),
        ("import pytest\npytest.importorskip('x')", "2 is left out by pytest.importorskip"),
        ("x = '" + "/home" + "/me/data'", "1 names a path of one machine"),
    ],
)
def test_unfinished_work_is_found(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs/a.py").write_text(text)
    (found,) = unfinished_problems(tmp_path)
    assert found.startswith(f"libs/a.py:{problem}")


def test_work_that_is_finished_is_none(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs/a.py").write_text(
        "import contextlib\nrows.skip(3)\npath = '/v1/models'\ntry:\n    f()\nexcept OSError:\n    return\n"
    )
    assert unfinished_problems(tmp_path) == []
