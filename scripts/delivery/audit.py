"""Asks PyPI for known faults of every locked version, by pip-audit. `make audit`; needs the network.
`ARGS=--dry-run` reads the locks and asks nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import ROOT, tool

MEANT: dict[str, str] = {}
"""Faults that do not touch us, by their id, each with the reason."""


def main() -> int:
    """1 where a fault is known, or where a version is not known to the registry: then nothing was asked of it."""
    failed = False
    for lock in locks(ROOT):
        print(f"audit: {lock.relative_to(ROOT)}", flush=True)
        command = [tool("pip-audit"), "--require-hashes", "--disable-pip", "--strict", "--progress-spinner", "off"]
        command += [word for fault in MEANT for word in ("--ignore-vuln", fault)]
        done = subprocess.run([*command, "--requirement", str(lock), *sys.argv[1:]], check=False)
        failed = failed or done.returncode != 0
    return int(failed)


def locks(root: Path) -> list[Path]:
    """Of what runs anywhere of ours: each image, and development, which has all that the services have."""
    return [
        *sorted(root.glob("services/*/requirements.txt")),
        root / "libs/cli/requirements.txt",
        root / "deploy/mlflow/requirements.txt",
        root / "requirements/dev.txt",
    ]


if __name__ == "__main__":
    sys.exit(main())
