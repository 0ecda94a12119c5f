"""Workflows ask for no more than they need, pin what is others', and name targets and scripts that are there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidemill_operations.project.starting import CI

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts" / "delivery"))
import scan  # noqa: E402

GITHUB = ROOT / ".github"
FILES = sorted([*GITHUB.rglob("*.yml"), ROOT / ".pre-commit-config.yaml"])
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
MAY_WRITE = {
    ("models", "comment"): {"pull-requests"},
    ("promote", "staging"): {"contents"},
    ("promote", "production"): {"contents"},
    ("release", "draft"): {"contents", "id-token", "attestations"},
    ("release", "images"): {"packages", "id-token"},
    ("scans", "codeql"): {"security-events"},
}
"""The only jobs that may write anything, and what."""


def jobs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from yaml.safe_load(path.read_text())["jobs"].items()


def commands(text: str) -> str:
    """What is run in a file, without comments."""
    return "\n".join(line.split(" # ")[0] for line in text.splitlines() if not line.lstrip().startswith("#"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_others_is_pinned_by_its_commit_and_named_by_its_version(path: Path) -> None:
    used = [line.strip() for line in path.read_text().splitlines() if re.match(r"\s*(- )?uses: (?!\./)", line)]
    assert [line for line in used if not PINNED.search(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_and_a_job_what_it_needs(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    for name, job in jobs(path):
        granted = job["permissions"]
        writes = {what for what, right in granted.items() if right != "read"}
        assert writes == MAY_WRITE.get((path.stem, name), set()), f"{path.stem}: {name}"
        assert job["timeout-minutes"] <= 90, f"{path.stem}: {name} has no time limit"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_checkout_keeps_no_token_and_no_text_of_others_is_run(path: Path) -> None:
    for name, job in jobs(path):
        for step in job["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False, f"{path.stem}: {name}"
            assert "${{" not in step.get("run", ""), f"{path.stem}: {name}: give it by `env`"


def test_a_job_that_writes_to_a_pull_request_runs_nothing_of_it() -> None:
    steps = dict(jobs(GITHUB / "workflows" / "models.yml"))["comment"]["steps"]
    assert [step["uses"].split("@")[0] for step in steps if "uses" in step] == ["actions/download-artifact"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_targets_and_scripts_that_are_named_are_there(path: Path) -> None:
    text = commands(path.read_text())
    matrices = [job.get("strategy", {}).get("matrix", {}) for _, job in jobs(path)] if path in WORKFLOWS else []
    named = {*re.findall(r"make ([a-z][a-z-]*)", text), *(part for one in matrices for part in one.get("part", ()))}
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named - targets == set()
    scripts = re.findall(r"(?:scripts|deploy)/[\w./-]+", text)
    assert [script for script in scripts if not (ROOT / script).exists()] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_address_stands_there(path: Path) -> None:
    assert re.findall(r"(?:https?|ftp|git\+\w+)://|\b\d+\.\d+\.\d+\.\d+|index[-_]url", path.read_text()) == []


def test_a_new_projects_workflow_uses_the_same_actions_and_zizmor_finds_nothing_in_it(tmp_path: Path) -> None:
    ours = {use for path in FILES for use in re.findall(r"uses: (\S+@\S+ # \S+)", path.read_text())}
    theirs = set(re.findall(r"uses: (.+)", CI))
    assert theirs and theirs <= ours
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "tidemill.yml").write_text(CI)
    assert scan.workflows(tmp_path) == 0


def test_faults_run_on_the_kafka_that_compose_runs() -> None:
    service = dict(jobs(GITHUB / "workflows" / "ci.yml"))["faults"]["services"]["kafka"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka"]
    assert service["image"] == compose["image"]
    once = {name for name in compose["environment"] if name.endswith(("_FACTOR", "_ISR", "_ENABLE"))}
    assert {name: service["env"][name] for name in once} == {name: compose["environment"][name] for name in once}


def test_every_image_is_built_for_a_release() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    images = {name for name in stages if not name.startswith("build")} - {"base", "service"}
    matrix = dict(jobs(GITHUB / "workflows" / "release.yml"))["images"]["strategy"]["matrix"]["image"]
    assert set(matrix) == images


def test_the_programs_beside_ours_are_installed_but_for_those_that_are_named(tmp_path: Path) -> None:
    """With every program named, or on the path, nothing is asked of Debian."""
    names = ("PROMTOOL", "AMTOOL", "REDIS_SERVER", "CHROMIUM", "OPENSSL", "GO")
    env = {f"TIDEMILL_{name}": "/bin/true" for name in names} | {"PATH": "/usr/bin:/bin"}
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "apt-get").chmod(0o755)
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    script = ["sh", str(ROOT / "scripts" / "test-programs.sh")]
    assert subprocess.run(script, env=env, check=False).returncode == 0
    del env["TIDEMILL_CHROMIUM"]
    env["PATH"] = f"{tmp_path}:{tmp_path / 'none'}"
    for tool in ("printenv", "tr"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    assert subprocess.run(["/bin/sh", *script[1:]], env=env, check=False, capture_output=True).returncode == 9
