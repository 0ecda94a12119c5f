"""SECURITY.md says of every topic who may write it, as the rights have it, and names tests and files that are there."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))
import security  # noqa: E402

PAGE = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`((?:deploy|docs|schemas|scripts|tests|libs|services)/[\w./-]+)`")


def test_the_table_of_topics_is_that_of_the_rights() -> None:
    written = PAGE[PAGE.index(security.BEGIN) + len(security.BEGIN) : PAGE.index(security.END)]
    assert written == security.table(ROOT), "run: .venv/bin/python scripts/security.py"


def test_a_writer_that_topics_yaml_gains_stands_in_the_table(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    shutil.copytree(ROOT / "models", tmp_path / "models")
    topics = tmp_path / "schemas" / "topics.yaml"
    text = topics.read_text()
    assert "producers: [cli]\n" in text
    topics.write_text(text.replace("producers: [cli]\n", "producers: [cli, drift]\n"))
    assert "| `release-commands` | drift, cli |" in security.table(tmp_path)


def test_a_topic_of_which_nothing_is_said_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(security.FOLLOWS, "arm_reports")
    with pytest.raises(KeyError, match="arm_reports"):
        security.table(ROOT)


def test_what_the_page_names_is_there() -> None:
    assert {"deploy/compose/databases.sh", "tests/broker/inference/test_forged.py"} <= set(NAMED.findall(PAGE))
    assert [path for path in NAMED.findall(PAGE) if not (ROOT / path).exists()] == []
