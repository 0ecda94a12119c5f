"""Gives everything of ours a new version: `python scripts/version.py 0.2.0`. The first step of a release.

Packages and what they pin each other to, `tidemill.__version__`, the images of the overlays and the documents that name
one; what CHANGELOG.md and docs/upgrade.md have under "Unreleased" becomes that version's.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
CONSTANT = "libs/core/src/tidemill/__init__.py"
PLACES = ("*/*/pyproject.toml", CONSTANT, "deploy/kubernetes/overlays/*/kustomization.yaml", "docs/kubernetes.md")


def set_version(root: Path, new: str, today: date) -> list[Path]:
    """Writes the version everywhere; gives the files that have changed. Raises ValueError where `new` is no version of
    the form 1.2.3, or not above the one that there is.
    """
    old = re.findall(r'^__version__ = "([^"]+)"', (root / CONSTANT).read_text(encoding="utf-8"), re.MULTILINE)[0]
    if not re.fullmatch(r"\d+\.\d+\.\d+", new) or Version(new) <= Version(old):
        raise ValueError(f"{new!r} is no version of the form 1.2.3 above {old}")
    changed = []
    for path in sorted(path for pattern in PLACES for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        forms = (f'version = "{old}"', f"=={old}", f"newTag: {old}", f"$target:{old}")
        for form in forms:
            text = re.sub(re.escape(form) + r"(?![\d.]*\d)", form.replace(old, new), text)
        changed += _write(path, text.replace(f'__version__ = "{old}"', f'__version__ = "{new}"'))
    log, notes = root / "CHANGELOG.md", root / "docs" / "upgrade.md"
    changed += _write(log, _headed(log, "## [Unreleased]\n", f"## [Unreleased]\n\n## [{new}] - {today.isoformat()}\n"))
    return changed + _write(notes, _headed(notes, "## Unreleased\n", f"## Unreleased\nNothing yet.\n\n## {new}\n"))


def _headed(path: Path, head: str, heads: str) -> str:
    text = path.read_text(encoding="utf-8")
    if head not in text:
        raise ValueError(f"{path.name} has no part {head.strip()!r}")
    return text.replace(head, heads, 1)


def _write(path: Path, text: str) -> list[Path]:
    if path.read_text(encoding="utf-8") == text:
        return []
    path.write_text(text, encoding="utf-8")
    return [path]


def main() -> int:
    try:
        for path in set_version(ROOT, sys.argv[1], datetime.now(UTC).date()):
            print(f"version: {path.relative_to(ROOT)}")
    except (IndexError, ValueError, InvalidVersion) as error:
        print(f"version: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
