"""Writes the lock files: everything for development, and one per service with what that service alone needs.

`make lock`. The input is what the pyproject files say; our own packages are expanded into their dependencies,
so that none of their names is ever looked up in a registry. Locks hold versions and hashes, no addresses.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import mirrors

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
HEADER = "# Written by `make lock` from the pyproject files; do not edit. {what}\n"
NAME = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")
# A name on a line that a lock file must not have: an address of any kind.
ADDRESS = re.compile(r"://|^\s*-|^\s*/|@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Project:
    """One of our packages: where it is and what it needs from others."""

    folder: Path
    dependencies: tuple[str, ...]
    extras: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, pyproject: Path) -> tuple[str, Project]:
        table = tomllib.loads(pyproject.read_text())["project"]
        extras = {name: tuple(needs) for name, needs in table.get("optional-dependencies", {}).items()}
        return table["name"], cls(pyproject.parent, tuple(table.get("dependencies", ())), extras)


def projects(root: Path = ROOT) -> dict[str, Project]:
    """Our packages by distribution name."""
    return dict(Project.read(path) for path in sorted(root.glob("*/*/pyproject.toml")))


def third_party(names: list[str], ours: dict[str, Project]) -> list[str]:
    """The requirements on others' packages of ours named like `tidemill-core[kafka]`, followed through our own."""
    found: set[str] = set()
    seen: set[str] = set()
    queue = list(names)
    while queue:
        requirement = queue.pop()
        match = NAME.match(requirement)
        if match is None:
            raise SystemExit(f"lock: cannot read the requirement {requirement!r}")
        project = ours.get(match[1])
        if project is None:
            found.add(requirement)
        elif requirement not in seen:
            seen.add(requirement)
            queue += project.dependencies
            for extra in filter(None, (part.strip() for part in (match[2] or "").split(","))):
                queue += project.extras[extra]
    return sorted(found)


def everything(name: str, project: Project) -> str:
    return f"{name}[{','.join(project.extras)}]" if project.extras else name


def uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def compile_lock(requirements: list[str], target: Path, what: str, constraint: Path | None = None) -> None:
    """Resolves `requirements` and writes `target`. Versions that stand in it stay, unless --upgrade is given."""
    part = target.with_suffix(".part")
    part.write_text(target.read_text() if target.exists() and "--upgrade" not in sys.argv else "")
    command = [uv(), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "-"]
    command += [
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
    ]
    command += ["--output-file", str(part)]
    if constraint is not None:
        command += ["--constraint", str(constraint)]
    env = mirrors.uv_environment(Path(sys.executable))
    answer = subprocess.run(
        command, input="\n".join(requirements), capture_output=True, text=True, env=env, cwd=ROOT, check=False
    )
    text = part.read_text()
    part.unlink()
    if answer.returncode != 0:
        raise SystemExit(f"lock: {target.relative_to(ROOT)}: {answer.stderr.strip()}")
    check_lock(text, requirements, target.name)
    part.write_text(HEADER.format(what=what) + text)
    part.replace(target)
    print(f"lock: {target.relative_to(ROOT)}")


def check_lock(text: str, requirements: list[str], name: str) -> None:
    """Ends the program where a lock lacks what it was made for, or has an address in it."""
    pinned = {canonical(match[1]) for match in re.finditer(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}
    missing = {canonical(NAME.match(line)[1]) for line in requirements} - pinned  # type: ignore[index]
    if missing:
        raise SystemExit(f"lock: {name} would lack {', '.join(sorted(missing))}")
    bad = ADDRESS.search(re.sub(r"^\s*--hash=sha256:[0-9a-f]{64}( \\)?$", "", text, flags=re.MULTILINE))
    if bad:
        raise SystemExit(f"lock: an address would stand in {name}: {text[bad.start() : bad.start() + 60]!r}")


def canonical(name: str) -> str:
    """A distribution's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    ours = projects()
    tools = [line for line in (REQUIREMENTS / "dev.in").read_text().splitlines() if line and line[0] != "#"]
    dev = REQUIREMENTS / "dev.txt"
    needs = third_party([everything(name, project) for name, project in ours.items()], ours)
    compile_lock(sorted({*needs, *tools}), dev, "Everything: packages, demo, tests.")
    compile_lock(["uv"], REQUIREMENTS / "bootstrap.txt", "What pip installs; uv installs the rest.", dev)
    compile_lock(["hatchling"], REQUIREMENTS / "build.txt", "What builds our wheels.", dev)
    for name, project in ours.items():
        if project.folder.parent.name == "services":
            target = project.folder / "requirements.txt"
            compile_lock(third_party([everything(name, project)], ours), target, f"What {name} needs.", dev)
    server = ["mlflow", "psycopg[binary]", "boto3", "google-cloud-storage"]
    compile_lock(server, ROOT / "deploy/mlflow/requirements.txt", "What MLflow's image needs.", dev)
    clients = ["mlserver", "pandas<3", "tritonclient[http]"]  # MLServer's codecs know no text of pandas 3
    compile_lock(clients, ROOT / "tests/e2e/inference_clients/lock.txt", "Clients that have to work with ours.")
    judge = ["great-expectations", "pandas<3"]  # its answers about columns with nulls are those of pandas 2
    compile_lock(judge, ROOT / "tests/e2e/great_expectations/lock.txt", "The library whose vocabulary ours is.")
    checks = ROOT / "tests/contract/kubernetes/checkov/lock.txt"
    compile_lock(["checkov"], checks, "What looks at manifests for what is insecure.")
    compile_lock(["mkdocs-material"], ROOT / "scripts/site/lock.txt", "What builds the site.")
    scans = ["cyclonedx-bom", "pip-audit", "pre-commit"]
    compile_lock(scans, ROOT / "scripts/delivery/scans.txt", "What CI and a release need beside.")
    servers = ["bentoml", "granian", "httptools", "litserve", "mlserver", "onnxruntime", "orjson", "uvloop"]
    compile_lock(servers, ROOT / "benchmarks/servers.txt", "Model servers of others, beside which ours is measured.")
    judges = ["check-wheel-contents", "twine"]
    compile_lock(judges, ROOT / "tests/release/lock.txt", "What looks at wheels and metadata before a release.", dev)
    cli = ours["tidemill"]
    target = cli.folder / "requirements.txt"
    compile_lock(third_party(["tidemill[production]"], ours), target, "What the command needs in an image.", dev)


if __name__ == "__main__":
    main()
