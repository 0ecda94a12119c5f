"""Which code made a version: never an empty text, and never the commit of somebody else's checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tidemill_learning.lineage.revision import code_revision, is_commit


def checkout(folder: Path) -> str:
    """A repository with one file `ours.py`; gives its commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    (folder / "ours.py").write_text("")
    for arguments in (["init", "-q"], ["add", "ours.py"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_the_commit_of_the_checkout_that_has_the_code(tmp_path: Path) -> None:
    commit = checkout(tmp_path)
    assert code_revision("", tmp_path / "ours.py") == commit and is_commit(commit)
    (tmp_path / "ours.py").write_text("changed")
    assert code_revision("", tmp_path / "ours.py") == f"{commit}-dirty"


def test_an_environment_inside_somebodys_checkout_does_not_take_their_commit(tmp_path: Path) -> None:
    commit = checkout(tmp_path)
    (tmp_path / "installed.py").write_text("")
    found = code_revision("", tmp_path / "installed.py")
    assert commit not in found and found.startswith("tidemill-learning ") and not is_commit(found)


def test_a_setting_comes_first_and_blanks_are_none(tmp_path: Path) -> None:
    assert code_revision(" abc1234 ", tmp_path / "x.py") == "abc1234"
    assert code_revision("  ", tmp_path / "x.py").startswith("tidemill-learning ")
