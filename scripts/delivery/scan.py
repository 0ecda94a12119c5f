"""Looks at our own sources by bandit (from medium severity on) and at the workflows by zizmor, neither by the network.
`make scan`; `make lint` looks at the workflows alone. What is found is meant, each with its reason, or it is mended;
what is meant and found no more is said too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("libs", "services", "scripts", "examples", "benchmarks")
MEANT = {
    ("B113", "examples/flights/src/tidemill_flights/proof/summary.py"): "its `requests` are counts",
    ("B113", "libs/core/src/tidemill/kafka/runtime/timed_calls.py"): "its `requests` are a queue",
    ("B310", "benchmarks/cases/rest.py"): "asks the server that it has started",
    ("B310", "benchmarks/harness/children.py"): "asks the server that it has started",
    ("B310", "benchmarks/load/serve.py"): "asks the server that it was told of",
    ("B310", "libs/core/src/tidemill/access/credentials/tokens.py"): "the address is a setting, and may be a file",
    ("B310", "libs/core/src/tidemill/kafka/pass_through/tokens.py"): "the address is a setting",
    ("B704", "libs/cli/src/tidemill_cli/rendering/pages.py"): "what is marked is our own style sheet",
}
"""Findings of bandit that are meant: rule and file."""


def main() -> int:
    """1 where something is found."""
    problems = [] if sys.argv[1:] == ["workflows"] else source_problems(bandit(ROOT), MEANT)
    for problem in problems:
        print(f"scan: {problem}", file=sys.stderr)
    return 1 if workflows(ROOT) or problems else 0


def bandit(root: Path) -> list[dict[str, str]]:
    """Its findings in `root`. Raises SystemExit where it could not look at a file."""
    command = [_program("bandit"), "--quiet", "--recursive", "-ll", "--format", "json"]
    command += [name for name in FOLDERS if (root / name).is_dir()]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout) if done.stdout else {"errors": [done.stderr]}
    if report["errors"]:
        raise SystemExit(f"scan: bandit: {report['errors']}")
    found: list[dict[str, str]] = report["results"]
    return found


def source_problems(found: list[dict[str, str]], meant: dict[tuple[str, str], str]) -> list[str]:
    """What is not meant, and what is meant for nothing; a line each."""
    places = {(one["test_id"], one["filename"]) for one in found}
    lines = [
        f"{one['filename']}:{one['line_number']} {one['issue_text']} ({one['test_id']})"
        for one in found
        if (one["test_id"], one["filename"]) not in meant
    ]
    return lines + [f"{path}: {rule} is not found there any more" for rule, path in sorted(meant.keys() - places)]


def workflows(root: Path) -> int:
    """zizmor's exit code; what it finds it has told."""
    command = [_program("zizmor"), "--offline", "--no-progress", "--quiet", "--persona", "pedantic", ".github"]
    return subprocess.run(command, cwd=root, check=False).returncode


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    sys.exit(main())
