"""Writes a bill of materials (CycloneDX 1.6, JSON) for each image from the lock file that it is made from, into
dist/sbom. `make sbom`. The same lock gives the same bytes. What Debian brings to an image is not in it: the workflow
of a release has that written from the image itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import ROOT, tool

OUT = ROOT / "dist" / "sbom"


def main() -> int:
    """Writes all, or those of the images that are named."""
    OUT.mkdir(parents=True, exist_ok=True)
    for image, lock, project in images(ROOT):
        if len(sys.argv) == 1 or image in sys.argv[1:]:
            write(OUT / f"{image}.cdx.json", lock, project)
            print(f"sbom: dist/sbom/{image}.cdx.json")
    return 0


def images(root: Path) -> Iterator[tuple[str, Path, Path | None]]:
    """Each image of ours: its name, its lock file, and the pyproject file of what it is made for."""
    for lock in sorted(root.glob("services/*/requirements.txt")):
        yield lock.parent.name, lock, lock.with_name("pyproject.toml")
    yield "cli", root / "libs/cli/requirements.txt", root / "libs/cli/pyproject.toml"
    yield "mlflow", root / "deploy/mlflow/requirements.txt", None


def write(out: Path, lock: Path, project: Path | None) -> None:
    """One bill, checked against CycloneDX's schema. Raises CalledProcessError."""
    command = [tool("cyclonedx-py"), "requirements", str(lock), "--sv", "1.6", "--output-reproducible", "--validate"]
    command += ["--pyproject", str(project)] if project else []
    told = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise SystemExit(f"sbom: {lock.relative_to(ROOT)}: {told.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
