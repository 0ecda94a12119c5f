"""Tests go through public doors; and the check, broken once in each way. The rule is in `checks/private_names.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.checks.private_names import private_name_problems

ROOT = Path(__file__).parents[3]


def test_no_test_reaches_a_private_name() -> None:
    assert private_name_problems(ROOT) == []


def problems(root: Path, text: str, **allowed: str) -> list[str]:
    """What is found in a test file of that text, in which OURS stands for the product: else it would be found here."""
    (root / "tests").mkdir()
    (root / "tests/test_a.py").write_text(text.replace("OURS", "tidemill"))
    return private_name_problems(root, {("tests/test_a.py", name): why for name, why in allowed.items()})


@pytest.mark.parametrize(
    "text",
    [
        "from OURS.kafka.client.scan import _read, scan\n",
        "from OURS_drift._inner import scan\nfrom OURS_cli import _read\n",
        "import OURS.rows\nrows = OURS.rows._read({})\n",
        "from OURS.json import rows\nrows._read({})\n",
        "def test_a(runner):\n    assert runner._read\n",
        "class A:\n    def test_a(self):\n        assert self.runner._read\n",
        "def test_a(runner):\n    runner.session._read.close()\n",
        "def test_a(monkeypatch, runner):\n    monkeypatch.setattr(runner, '_read', None)\n",
        "def test_a(monkeypatch):\n    monkeypatch.setattr('OURS.rows._read', None)\n",
        "def test_a(runner):\n    assert getattr(runner, '_read')\n",
    ],
)
def test_each_way_to_a_private_name_is_found(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, text)
    assert found
    assert any("reaches _read: use its public door" in problem for problem in found)


def test_a_program_in_a_text_is_looked_through_as_well(tmp_path: Path) -> None:
    program = "from pathlib import Path\nimport OURS.rows as rows\nrows._read(5)\n"
    assert problems(tmp_path, f"PROGRAM = '''\n{program}'''\n") == [
        "tests/test_a.py:4 reaches _read: use its public door, or make it public and say what it is"
    ]


def test_what_is_a_tests_own_or_other_peoples_is_none(tmp_path: Path) -> None:
    text = (
        "import os, sys\nimport fsspec\nfrom confluent_kafka import KafkaError\nfrom OURS.rows import __all__\n"
        "class A:\n    def __init__(self):\n        self._x = KafkaError._FENCED\n"
        "        self.name = self.__class__.__name__\n"
        "def test_a(monkeypatch):\n    fsspec.core._un_chain('a', {})\n    os._exit(7)\n    _, rows = 1, 2\n"
        "    monkeypatch.setattr(os, '_exit', None)\n    assert 'a'.removesuffix('_total')\n"
        "TEXT = 'a sentence that says import OURS: no program'\n"
    )
    assert problems(tmp_path, text) == []


def test_what_is_allowed_is_none_and_is_found_when_it_is_needed_no_more(tmp_path: Path) -> None:
    assert problems(tmp_path, "def test_a(app):\n    app._read()\n", _read="theirs") == []
    (tmp_path / "tests/test_a.py").write_text("def test_a(app): ...\n")
    found = private_name_problems(tmp_path, {("tests/test_a.py", "_read"): "theirs"})
    assert found == ["tests/test_a.py no longer reaches _read: it needs no leave"]
