"""The Compose file as a project with passwords, volumes and names of its own; the ports are everybody's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = "tidemill-check"
KAFKA = "localhost:9092"
INGEST, SERVE, PROMETHEUS, MLFLOW = (f"http://localhost:{port}" for port in (8081, 8082, 9090, 5000))


@dataclass(frozen=True, slots=True)
class Stack:
    """`docker compose` in the checkout. Which files it reads, Docker's own COMPOSE_FILE may say: to build elsewhere, to
    take other images, to leave out what cannot be had.
    """

    root: Path
    folder: Path

    def compose(self, *arguments: str, timeout_s: float = 600) -> str:
        """Runs a command of Compose; what it printed. Fails the test, with that, where it fails."""
        command = ["docker", "compose", "-p", PROJECT, "--env-file", str(self.folder / ".env"), *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def make_passwords(self) -> None:
        """By the script that everybody uses, in a folder of this run."""
        there = self.folder / "deploy/compose"
        shutil.copytree(self.root / "deploy/compose", there, dirs_exist_ok=True)
        subprocess.run(["sh", str(there / "make-env.sh")], check=True, capture_output=True)

    def build(self) -> None:
        """Ours, from the checkout; on TIDEMILL_PYTHON_IMAGE where Docker Hub's Python cannot be pulled."""
        base = os.environ.get("TIDEMILL_PYTHON_IMAGE")
        self.compose("build", *(["--build-arg", f"PYTHON_IMAGE={base}"] if base else []), timeout_s=3600)

    def up(self) -> None:
        """Starts what does not run and waits until all of it is healthy."""
        self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "600", timeout_s=900)

    def tidemill(self, *arguments: str) -> str:
        """The command line, in a container of its image."""
        return self.compose("run", "--rm", "-T", "--no-deps", "topics", *arguments, timeout_s=300)

    def states(self) -> dict[str, dict[str, Any]]:
        """By service, what the engine knows of its container."""
        names = self.compose("ps", "--all", "--quiet").split()
        said = json.loads(subprocess.run(["docker", "inspect", *names], check=True, capture_output=True).stdout)
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in said}

    def logs(self) -> list[str]:
        """Every line of every container that is there."""
        return self.compose("logs", "--no-color").splitlines()
