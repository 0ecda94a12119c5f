"""Builds the site (mkdocs.yml) in an environment of its own, strictly: a page that is nowhere in the navigation and a
link that leads nowhere end it with 1. `make site`; ARGS=serve shows it at 127.0.0.1:8000 while one writes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("lock.txt")
sys.path.insert(0, str(ROOT / "scripts"))
import mirrors  # noqa: E402


def mkdocs() -> Path:
    """MkDocs with exactly what the lock names, installed where that has not been done yet."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = ROOT / "var" / "venvs" / f"site-{digest}"
    done = folder / "complete"
    if not done.exists():
        env, uv = mirrors.uv_environment(Path(sys.executable)), str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], env=env, check=True)
        python = ["--python", str(folder / "bin" / "python")]
        install = [uv, "pip", "install", "--quiet", *python, "--require-hashes", "-r", str(LOCK)]
        subprocess.run(install, env=env, check=True)
        done.touch()
    return folder / "bin" / "mkdocs"


def build(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """The site of the mkdocs.yml in `root`, in `target`; what MkDocs says, and 0 only where nothing is wrong."""
    command = [str(mkdocs()), "build", "--strict", "--clean", "--site-dir", str(target)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


def main(arguments: list[str]) -> int:
    """Builds, or serves while one writes."""
    if arguments == ["serve"]:
        return subprocess.run([str(mkdocs()), "serve", "--strict"], cwd=ROOT, check=False).returncode
    target = ROOT / "var" / "site"
    answer = build(ROOT, target)
    print(f"site: {target.relative_to(ROOT)}/index.html" if answer.returncode == 0 else answer.stdout + answer.stderr)
    return answer.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
