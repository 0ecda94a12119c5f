"""A model that a change brings is checked, trained on its sample and reported; a mistake in it is named at its line."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "delivery" / "model_report.py"
sys.path.insert(0, str(SCRIPT.parent))
import model_page  # noqa: E402
import model_report  # noqa: E402

MODEL = """\
model: orders
schema: orders.avsc
entity: customer
event_id: order_id
event_time: placed_at
target: {label: fraud, task: binary, delay: 1m}
features: {amount: number}
training: {first_after: 300, newest: 1_000, budget: 2s, candidates: [logistic_regression], gate: {at_least: 0.5}}
"""
RECORD = """\
{"type": "record", "name": "Orders", "namespace": "shop", "fields": [
 {"name": "order_id", "type": "string"}, {"name": "customer", "type": "string"},
 {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
 {"name": "amount", "type": "double"}]}
"""


def git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "a@b.invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", *words], cwd=folder, env=os.environ | who, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(folder, "rev-parse", "HEAD")


def sample(rows: int) -> str:
    draw = random.Random(7)
    lines = ["order_id,customer,placed_at,amount,fraud"]
    for row in range(rows):
        amount = draw.uniform(0, 1000)
        when = f"2026-01-{1 + row // 1440:02d}T{row // 60 % 24:02d}:{row % 60:02d}:00Z"
        lines.append(f"o-{row},c-{row % 9},{when},{amount:.2f},{str(amount > draw.uniform(300, 900)).lower()}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    for folder in ("models", "schemas/models", "samples"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def reported(project: Path, since: str) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), "--since", since, "--out", "report/models.md"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    assert (project / "report" / "models.md").exists(), done.stderr
    return done.returncode, (project / "report" / "models.md").read_text()


def test_a_new_model_is_refused_with_its_mistake_and_once_it_is_right_trained_on_its_sample(project: Path) -> None:
    before = commit(project)
    (project / "models" / "orders.yaml").write_text(MODEL.replace("amount: number", "amuont: number"))
    (project / "schemas" / "models" / "orders.avsc").write_text(RECORD)
    (project / "samples" / "orders.csv").write_text(sample(600))
    commit(project)
    code, text = reported(project, before)
    assert code == 1
    assert "amuont" in text and "models/orders.yaml:7" in text and "Not trained." in text

    (project / "models" / "orders.yaml").write_text(MODEL)
    commit(project)
    code, text = reported(project, before)
    assert code == 0, text
    assert "### orders (new)" in text and "| events | 600 |" in text and "labels version 1 (first" in text


def test_what_has_changed_is_told_by_model_file_record_and_sample(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for name in ("one", "two", "three", "gone"):
        (project / "models" / f"{name}.yaml").write_text(f"model: {name}\nschema: {name}.avsc\n")
        (project / "schemas" / "models" / f"{name}.avsc").write_text("{}")
    before = commit(project)
    (project / "models" / "one.yaml").write_text("model: one\nschema: one.avsc\nowner: me\n")
    (project / "schemas" / "models" / "two.avsc").write_text("{ }")
    (project / "models" / "gone.yaml").unlink()
    (project / "notes.md").write_text("three")
    commit(project)
    assert model_report.changed(before) == ["gone", "one", "two"]
    (project / "samples" / "three.csv").write_text("a\n1\n")
    commit(project)
    assert model_report.changed(before) == ["gone", "one", "three", "two"]
    model_report.unpack(before, project / "then")
    assert (project / "then" / "models" / "gone.yaml").exists()
    assert model_report.change("gone", project / "then", project / "samples", wrong=False).kind == "removed"


def answer(roc_auc: float, releases: int = 1) -> model_page.Answer:
    fit = {"labels": 300, "rows": 300, "version": releases or None, "cause": "first_data", "note": "better | @than"}
    policy = {"metrics": {"roc_auc": roc_auc, "brier": 0.2}, "releases": [{}] * releases, "fits": [fit],
              "fit_seconds": 1.0}  # fmt: skip
    return model_page.Answer(
        {"metric": "roc_auc", "events": 600, "labelled": 600, "set_aside": 0, "notes": [], "policies": [policy]}
    )


def test_the_page_holds_now_against_before_and_mentions_nobody() -> None:
    text = model_page.page([], [model_page.Change("orders", "changed", "orders.csv", answer(0.8), answer(0.75))])
    assert "| **roc_auc** | 0.7500 | 0.8000 |" in text
    assert "@than" not in text and "\\|" in text


def test_a_model_that_makes_no_version_of_its_sample_fails_and_one_without_a_sample_is_told_of_it() -> None:
    refused = model_page.Change("orders", "new", "orders.csv", answer(0.4, releases=0))
    few = model_page.Change("orders", "new", "orders.csv", model_page.Answer(error="too few rows"))
    bare = model_page.Change("orders", "new", None)
    assert (refused.failed, few.failed, bare.failed) == (True, True, False)
    assert "passed its gate" in model_page.page([], [refused])
    assert "too few rows" in model_page.page([], [few])
    assert "samples/orders.csv" in model_page.page([], [bare])
