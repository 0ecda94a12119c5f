"""Whether containers can be run here: `python -m tests.containers.engine` ends with 0, or says what is missing."""

from __future__ import annotations

import subprocess
import sys

QUESTIONS = (["docker", "compose", "version"], ["docker", "ps", "--quiet"])


def lacking() -> str | None:
    """What has to be there and is not: an engine that answers, and the plugin of `docker compose`."""
    for question in QUESTIONS:
        try:
            done = subprocess.run(question, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{' '.join(question)}: {error}"
        if done.returncode != 0:
            return f"{' '.join(question)}: {done.stderr.strip() or done.stdout.strip()}"
    return None


if __name__ == "__main__":
    if said := lacking():
        print(f"containers are left out, no container engine answers here ({said})")
    sys.exit(1 if said else 0)
