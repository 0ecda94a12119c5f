"""What CI and a release run of ours: notes of a version, findings that are meant, bills of materials of every image."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts" / "delivery"))
import audit  # noqa: E402
import release_notes  # noqa: E402
import sbom  # noqa: E402
import scan  # noqa: E402

CHANGELOG = """\
# Changelog

## [Unreleased]
- later

## [1.2.0] - 2026-11-30
### Added
- a thing

## [1.1.0]
- before

[1.2.0]: elsewhere
"""


def test_notes_are_the_section_of_their_version_and_no_other() -> None:
    assert release_notes.notes(CHANGELOG, "1.2.0") == "### Added\n- a thing"
    assert release_notes.notes(CHANGELOG, "1.1.0") == "- before"
    assert release_notes.notes(CHANGELOG, "1.1") == ""


def test_a_release_of_a_version_that_no_package_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["release_notes.py", "99.0.0"])
    assert release_notes.main() == 1
    assert "tidemill-trainer is " in capsys.readouterr().err


def test_what_is_meant_is_told_by_rule_and_file_and_ends_with_its_reason() -> None:
    finding = {"test_id": "B310", "filename": "libs/a.py", "line_number": "7", "issue_text": "Audit url open"}
    other = finding | {"filename": "libs/b.py"}
    assert scan.source_problems([finding, other], {("B310", "libs/a.py"): "a setting"}) == [
        "libs/b.py:7 Audit url open (B310)"
    ]
    assert scan.source_problems([], {("B310", "libs/a.py"): "a setting"}) == [
        "libs/a.py: B310 is not found there any more"
    ]
    assert [path for _, path in scan.MEANT if not (ROOT / path).is_file()] == []


def test_bandit_finds_a_hole_that_was_made(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "hole.py").write_text("import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n")
    found = scan.bandit(tmp_path)
    assert [(one["test_id"], one["filename"]) for one in found] == [("B602", "libs/hole.py")]


def test_zizmor_finds_a_hole_that_was_made(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "hole.yml").write_text(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    assert scan.workflows(tmp_path) != 0
    assert scan.workflows(ROOT) == 0


def test_each_image_has_a_bill_of_materials_and_each_lock_of_an_image_is_asked_for() -> None:
    bills = {image: lock for image, lock, _ in sbom.images(ROOT)}
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    installed = {ROOT / path for path in re.findall(r"^COPY (\S+/requirements\.txt) ", dockerfile, re.MULTILINE)}
    assert set(bills.values()) == installed
    assert installed <= set(audit.locks(ROOT))
