"""Constructors take six things at most, and the check broken once. The rule stands in `checks/constructors.py`."""

from __future__ import annotations

from pathlib import Path

from tests.contract.checks.constructors import HELD, constructor_problems

ROOT = Path(__file__).parents[3]


def test_no_constructor_takes_more_than_six_things() -> None:
    assert constructor_problems(ROOT) == []


def test_every_folder_in_which_that_holds_is_there() -> None:
    assert [folder for folder in HELD if not (ROOT / folder / "src").is_dir()] == []


def test_a_constructor_that_takes_seven_is_found_and_a_keyword_dataclass_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "libs/x/src/x"
    folder.mkdir(parents=True)
    six = "class Six:\n    def __init__(self, a, b, c, *, d, e, f): ...\n"
    dataclass = "class Wide:\n    a: int\n    b: int\n    c: int\n    d: int\n    e: int\n    f: int\n    g: int\n"
    (folder / "m.py").write_text(six + dataclass)
    assert constructor_problems(tmp_path, ("libs/x",)) == []
    (folder / "m.py").write_text(six.replace("f):", "f, g):"))
    assert constructor_problems(tmp_path, ("libs/x",)) == [
        "libs/x/src/x/m.py: Six takes 7 things: more than 6 are one keyword dataclass"
    ]
