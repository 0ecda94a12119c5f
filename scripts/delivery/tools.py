"""The environment of tools that only a release and a scan need: `scans.txt`, by hash, in var/venvs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("scans.txt")
sys.path.insert(0, str(ROOT / "scripts"))
import mirrors  # noqa: E402 - scripts are no package


def tool(name: str) -> str:
    """The path of a program of that environment, which is made where there is none for this lock yet. Raises
    SystemExit where its packages cannot be had.
    """
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = ROOT / "var" / "venvs" / f"scans-{digest}"
    done = folder / "complete"
    if not done.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        env = mirrors.uv_environment(Path(sys.executable))
        wanted = ["--quiet", "--python", str(folder / "bin" / "python"), "--require-hashes", "-r", str(LOCK)]
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", *wanted],
        ):
            if subprocess.run(command, env=env, check=False).returncode != 0:
                raise SystemExit(f"{name}: its packages cannot be installed. {mirrors.ADVICE}")
        done.touch()
    return str(folder / "bin" / name)


if __name__ == "__main__":
    sys.exit(subprocess.run([tool(sys.argv[1]), *sys.argv[2:]], check=False).returncode)
