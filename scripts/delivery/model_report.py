"""What a change does to models, as Markdown: which model files, records and samples differ from a commit, whether
`tidemill check` finds all right, and how each model answers its sample, before and now. The workflow `models` puts it
into the pull request.

`python scripts/delivery/model_report.py --since COMMIT --out FILE`, in the root of a project. A sample is
`samples/MODEL.csv` (or .parquet, .jsonl): events with their labels, more than `training.first_after`. Exit code 1
where something is wrong, or a model makes no version of its sample.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from model_page import Answer, Change, page

SUFFIXES = (".csv", ".parquet", ".jsonl")
RIVALS = ("never", "schedules", "forest", "capymoa")
LONGEST_S = 900


def main() -> int:
    """Writes the report, and says by the exit code whether all is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", required=True, metavar="COMMIT")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    parser.add_argument("--samples", default=Path("samples"), type=Path, metavar="FOLDER")
    words = parser.parse_args()
    problems = checked()
    with tempfile.TemporaryDirectory() as before:
        unpack(words.since, Path(before))
        changes = [change(name, Path(before), words.samples, wrong=bool(problems)) for name in changed(words.since)]
    words.out.parent.mkdir(parents=True, exist_ok=True)
    words.out.write_text(page(problems, changes), encoding="utf-8")
    return 1 if problems or any(one.failed for one in changes) else 0


def changed(since: str) -> list[str]:
    """The models whose file, record or sample is not as in `since`, or was there."""
    paths = git("diff", "--name-only", f"{since}...HEAD", "--", "models", "schemas/models", "samples").splitlines()
    files = [Path(path) for path in paths]
    names = {path.stem for path in files if path.suffix == ".yaml" or path.parts[0] == "samples"}
    records = {path.name for path in files if path.suffix == ".avsc" and path.parts[:2] == ("schemas", "models")}
    names |= {path.stem for path in Path("models").glob("*.yaml") if record_of(path) in records}
    known = {path.stem for path in Path("models").glob("*.yaml")}
    return sorted(name for name in names if name in known or f"models/{name}.yaml" in paths)


def record_of(model_file: Path) -> str:
    """The record that a model file names; empty for a file that says none."""
    try:
        said = yaml.safe_load(model_file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return ""  # `tidemill check` says what is wrong with it
    return str(said.get("schema", "")) if isinstance(said, dict) else ""


def change(name: str, before: Path, samples: Path, *, wrong: bool) -> Change:
    """What became of one model; trained only where nothing is `wrong` in the project."""
    here, there = Path("models") / f"{name}.yaml", before / "models" / f"{name}.yaml"
    kind = "removed" if not here.exists() else "changed" if there.exists() else "new"
    sample = next((path for suffix in SUFFIXES if (path := samples / f"{name}{suffix}").exists()), None)
    if kind == "removed" or wrong or sample is None:
        return Change(name, kind, None if sample is None else sample.name)
    folders = {"TIDEMILL_MODELS_DIR": str(before / "models"), "TIDEMILL_SCHEMAS": str(before / "schemas")}
    old = answered(name, sample, folders) if kind == "changed" else None
    return Change(name, kind, sample.name, answered(name, sample, {}), old)


def answered(name: str, sample: Path, settings: Mapping[str, str]) -> Answer:
    """How a model answers its sample, learning as it goes: `tidemill backtest`, without its rivals."""
    without = [word for rival in RIVALS for word in ("--without", rival)]
    done = tidemill("backtest", name, "--data", str(sample), *without, "--json", settings=settings)
    if done.returncode != 0:
        return Answer(error=done.stderr.strip().removeprefix("tidemill: ") or f"exit code {done.returncode}")
    return Answer(report=json.loads(done.stdout))


def checked() -> list[dict[str, Any]]:
    """What `tidemill check` finds wrong."""
    done = tidemill("check", "--json", settings={})
    try:
        problems: list[dict[str, Any]] = json.loads(done.stdout)["problems"]
    except ValueError as error:
        raise SystemExit(f"model report: tidemill check: {done.stderr.strip()}") from error
    return problems


def unpack(commit: str, folder: Path) -> None:
    """Models and schemas as they were in `commit`."""
    there = [name for name in ("models", "schemas") if git("ls-tree", "-d", "--name-only", commit, name).strip()]
    if there:
        done = subprocess.run(["git", "archive", commit, *there], capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")


def tidemill(*words: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("tidemill"))
    env = {**os.environ, **settings}
    return subprocess.run([program, *words], env=env, capture_output=True, text=True, check=False, timeout=LONGEST_S)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
