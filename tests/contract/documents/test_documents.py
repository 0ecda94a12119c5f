"""Documents name files that are there, and each check broken once. The rules stand in `checks/documents.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.checks.documents import deciding, has, is_short_for, link_problems, path_problems

ROOT = Path(__file__).parents[3]
FIVE = "## Five lines, and the way to them"


def five_ways() -> str:
    text = (ROOT / "docs/architecture.md").read_text()
    return text[text.index(FIVE) :].split("\n## ")[0]


def test_every_python_file_that_a_document_names_is_there() -> None:
    assert path_problems(ROOT) == []


def test_every_link_of_a_document_leads_somewhere() -> None:
    assert link_problems(ROOT) == []


def test_the_five_lines_that_people_look_for_are_where_the_architecture_says() -> None:
    found = deciding(five_ways())
    assert len(found) == 5 and all(names for _, names in found)
    assert [(path, name) for path, names in found for name in names if not has((ROOT / path).read_text(), name)] == []


def test_a_file_that_has_moved_and_a_link_that_leads_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "libs/core/kafka").mkdir(parents=True)
    (tmp_path / "libs/core/kafka/runner.py").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/judge.py").touch()
    lines = (
        "`kafka/runner.py`, `core/runner.py`; `web/runner.py`",
        "`judge.py` `tests/judge.py` [x](gone.md#part) [y](page.md)",
    )
    (tmp_path / "page.md").write_text("\n".join(lines))
    assert path_problems(tmp_path) == [
        "page.md:1 names web/runner.py, which is not there",
        "page.md:2 names judge.py, which is not there",
    ]
    assert link_problems(tmp_path) == ["page.md links to gone.md, which is not there"]


@pytest.mark.parametrize(
    ("path", "short"),
    [("drift/main.py", True), ("main.py", True), ("main.py/drift", False), ("adapters/main.py", False)],
)
def test_a_short_form_leaves_folders_out_and_names_no_other(path: str, short: bool) -> None:
    assert is_short_for(tuple(path.split("/")), ("services", "drift", "src", "tidemill_drift", "main.py")) is short


def test_a_function_is_found_in_its_class_alone() -> None:
    source = "class A:\n    def run(self): ...\ndef walk(): ...\n"
    assert has(source, "A.run") and has(source, "walk")
    assert not has(source, "run") and not has(source, "A.walk")
