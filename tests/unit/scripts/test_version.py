"""A new version is written everywhere that the old one stands."""

from __future__ import annotations

import shutil
import sys
from datetime import date
from pathlib import Path

import pytest

import tidemill

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))
import version  # noqa: E402 - scripts are no package

DAY = date(2027, 1, 2)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What names a version, copied."""
    files = {path for pattern in version.PLACES for path in ROOT.glob(pattern)}
    for path in (*files, ROOT / "CHANGELOG.md", ROOT / "docs" / "upgrade.md"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def test_no_place_keeps_the_old_version_and_what_was_unreleased_is_the_new_ones(copy: Path) -> None:
    old = tidemill.__version__
    changed = version.set_version(copy, "7.8.9", DAY)
    assert len(changed) == 14 + 1 + 3 + 1 + 2
    texts = {path: path.read_text() for pattern in version.PLACES for path in copy.glob(pattern)}
    assert [
        path for path, text in texts.items() if f'"{old}"' in text or f"=={old}" in text or f": {old}" in text
    ] == []
    on_another = [path for path, text in texts.items() if "resources: [../production]" in text]  # these name no image
    assert [path for path, text in texts.items() if "7.8.9" not in text] == on_another
    assert "## [Unreleased]\n\n## [7.8.9] - 2027-01-02\n### Added\n" in (copy / "CHANGELOG.md").read_text()
    assert "## Unreleased\nNothing yet.\n\n## 7.8.9\n" in (copy / "docs" / "upgrade.md").read_text()


@pytest.mark.parametrize("wrong", ["1.2", "v7.8.9", tidemill.__version__, "0.0.1"])
def test_what_is_no_later_version_is_refused_and_nothing_is_written(copy: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="no version of the form"):
        version.set_version(copy, wrong, DAY)
    assert f'version = "{tidemill.__version__}"' in (copy / "libs/cli/pyproject.toml").read_text()
