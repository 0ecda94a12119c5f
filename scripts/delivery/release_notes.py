"""Prints what CHANGELOG.md says of a version: `python scripts/delivery/release_notes.py 1.2.0`. Ends with an error
where a package has another version, or where nothing is said.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Prints the notes, or what stands against them."""
    (version,) = sys.argv[1:]
    others = [f"{name} is {found}" for name, found in versions(ROOT).items() if found != version]
    text = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if others or not text:
        problem = "; ".join(others) if others else "CHANGELOG.md says nothing of it: name its section"
        print(f"release notes: of {version}: {problem}", file=sys.stderr)
        return 1
    print(text)
    return 0


def versions(root: Path) -> dict[str, str]:
    """The version of each package that is released."""
    files = [*root.glob("libs/*/pyproject.toml"), *root.glob("services/*/pyproject.toml")]
    tables = [tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in sorted(files)]
    return {table["name"]: table["version"] for table in tables}


def notes(changelog: str, version: str) -> str:
    """The section of a version without its heading; empty where there is none."""
    heading = re.compile(rf"^## \[{re.escape(version)}\].*\n", re.MULTILINE)
    begin = heading.search(changelog)
    if begin is None:
        return ""
    rest = changelog[begin.end() :]
    end = re.search(r"^(## |\[[^\]]+\]: )", rest, re.MULTILINE)
    return rest[: end.start() if end else len(rest)].strip()


if __name__ == "__main__":
    sys.exit(main())
