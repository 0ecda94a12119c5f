"""Builds what is released: a source distribution and a wheel of every package in libs/ and services/, into dist/.

`make dist`. Built is what Git tracks, from a copy of it, and each wheel from its source distribution unpacked: so
each of the two is whole, and a second run from the same commit gives the same bytes (SOURCE_DATE_EPOCH, else the
commit's time). Examples run in a clone, on its models, and are not released.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hatchling.build import build_sdist, build_wheel
from lock import ROOT, Project, projects

RELEASED = ("libs", "services")
RELATIVE_LINK = re.compile(r"\[([^\]]*)\]\((?!\w+://)[^)]*\)")
"""Leads nowhere from a page outside the repository: its text stays."""
SUMS = "SHA256SUMS"


def released(root: Path = ROOT) -> dict[str, Project]:
    """What is released, by the name of the distribution."""
    return {name: project for name, project in projects(root).items() if project.folder.parent.name in RELEASED}


def build(out: Path, root: Path = ROOT) -> list[Path]:
    """Builds all into `out`, which is emptied first; gives the files, and writes their SHA-256 beside them."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary, _time_of_release(root):
        stage = Path(temporary) / "stage"
        _stage(root, stage)
        for project in released(root).values():
            _build_one(stage / project.folder.relative_to(root), out, Path(temporary))
    files = sorted(out.iterdir())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (out / SUMS).write_text("".join(sums))
    return files


def _stage(root: Path, stage: Path) -> None:
    """Copies what Git tracks; each package gets the license, and a README that can be read outside the repository."""
    listed = _git(root, "ls-files", "-z", "--", *RELEASED, "schemas").split("\0")
    for name in filter(None, listed):
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, stage / name)
    for project in released(root).values():
        folder = stage / project.folder.relative_to(root)
        shutil.copyfile(root / "LICENSE", folder / "LICENSE")
        readme = folder / "README.md"
        readme.write_text(RELATIVE_LINK.sub(r"\1", readme.read_text(encoding="utf-8")), encoding="utf-8")


def _build_one(folder: Path, out: Path, temporary: Path) -> None:
    with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
        sdist = out / build_sdist(str(out))
    unpacked = temporary / "unpacked"
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    with contextlib.chdir(unpacked / sdist.name.removesuffix(".tar.gz")), contextlib.redirect_stdout(sys.stderr):
        build_wheel(str(out))


@contextlib.contextmanager
def _time_of_release(root: Path) -> Iterator[None]:
    """SOURCE_DATE_EPOCH, as given or the commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = given or _git(root, "log", "-1", "--format=%ct").strip()
    try:
        yield
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]
        if given is not None:
            os.environ["SOURCE_DATE_EPOCH"] = given


def _git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SystemExit(f"dist: what is released is what Git tracks, and Git says: {answer.stderr.strip()}")
    return answer.stdout


def main() -> None:
    if _git(ROOT, "status", "--porcelain", "--", *RELEASED, "schemas", "LICENSE"):
        print("dist: there are changes that are not committed", file=sys.stderr)
    files = build(ROOT / "dist")
    for file in files:
        print(f"dist: {file.stat().st_size / 1024:7,.0f} KB  {file.name}")
    print(f"dist: {len(files)} files; their hashes are in dist/{SUMS}")


if __name__ == "__main__":
    main()
