"""A version's model card on one page and as JSON."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.drift_profiles import REFERENCE, answers
from tests.support.processes.programs import program
from tidemill.artifact import FeatureColumn, Manifest
from tidemill.contracts.model_file import Feature, ModelSpec, Target, Training
from tidemill.contracts.model_file.spec import ExpectationSpec, PrivacyRule
from tidemill_cli.rendering.card.page import page
from tidemill_cli.rendering.card.rows import HIDDEN, NOT_RECORDED, as_dict, sections
from tidemill_learning.drift.report.picture import Picture
from tidemill_operations.drift.history import Release
from tidemill_operations.model_card.card import Card, metrics_of

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def card() -> Card:
    expectations = (ExpectationSpec("expect_column_values_to_be_between", {"column": "amount", "min_value": 0}),)
    spec = ModelSpec(
        "loan", "loan.avsc", "customer", "at", Target("repaid", "binary"),
        (Feature("amount", "number"), Feature("region", "category")), Training("roc_auc", ("logistic_regression",)),
        description=f"Will it be repaid? {EVIL}", expectations=expectations,
    )  # fmt: skip
    manifest = Manifest(
        model="loan", version=3, task="binary", output="p", classes=("false", "true"), positive_class="true",
        features=(FeatureColumn("amount", "number"), FeatureColumn("region", "category")), run_id="r",
        metrics={"roc_auc": 0.7, "log_loss": 0.5}, created_at=86_400_000, libraries={"onnx": "1.23"},
    )  # fmt: skip
    picture = Picture(REFERENCE, version=3, width=1)
    for window in range(4):
        picture.add(answers(window, 3))
    documents = {
        "manifest": json.loads(manifest.to_bytes()), "reference": REFERENCE, "run": {"cause": "quality"}, "request": {},
        "file": {"target": {"label": "repaid"}, "owner": ""}, "digest": "ab" * 32, "uri": "file:///a", "parent": 2,
    }  # fmt: skip
    return Card(
        spec=spec, version=3, documents=documents, metrics=metrics_of(manifest.metrics, REFERENCE, "binary", ()),
        gate=("roc_auc 0.7000 against the champion's 0.6500",), outcome="passed", decision="better", reasons=(EVIL,),
        releases=(Release(None, 90_000_000, 3, "promoted", 3, 3, "gate", "better"),),
        calibration=tuple(picture.sources["stream"].calibration),
    )  # fmt: skip


def test_what_is_recorded_is_told_and_what_is_not_is_said_so(card: Card) -> None:
    told = {label: value for _, lines in sections(card) for label, value in lines}
    assert told["task"] == "binary" and told["made at"] == "1970-01-02 00:00:00 UTC"
    assert told["event time of the rows"] == "1970-01-01 00:00 to 1970-01-01 01:40 UTC"
    assert (told["version that served then"], told["cause"]) == ("2", "quality")
    assert {label for label, value in told.items() if value == NOT_RECORDED} >= {
        "content hash", "precision", "code revision", "environment", "owner", "asked for by"}  # fmt: skip


def test_what_others_record_later_appears_by_its_place(card: Card) -> None:
    manifest = card.documents["manifest"] | {
        "metrics": {"cost": 0.3, "precision": 0.5},
        "lineage": {"content": "cd" * 32, "parent": 1, "cause": "x"},
    }
    told = {
        k: v
        for _, lines in sections(replace(card, documents={**card.documents, "manifest": manifest}))
        for k, v in lines
    }
    assert (told["cost of a decision"], told["precision"]) == ("0.3", "50.00%") and told["content hash"] == "cd" * 32
    assert told["version that served then"] == "1"


def test_the_whole_card_is_json(card: Card) -> None:
    told = json.loads(json.dumps(as_dict(card), allow_nan=False))
    assert told["recorded"]["content hash"] is None and told["gate"]["outcome"] == "passed"
    assert [one["name"] for one in told["features"]] == ["amount", "region"]


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(card: Card) -> None:
    made = page(card)
    assert "<script" not in made and "url(" not in made and "https:" not in made
    assert made.count("&lt;script&gt;") == 2
    assert "between" in made and "north 50%" in made and "0.7 ± 0.02" in made


def test_personal_values_are_not_shown(card: Card) -> None:
    private = replace(card, spec=replace(card.spec, privacy={"region": PrivacyRule("hash")}))
    made = page(private)
    assert "north" not in made and HIDDEN in made
    assert "north" not in json.dumps(as_dict(private))


@pytest.mark.needs("chromium")
def test_a_browser_without_internet_shows_the_card(card: Card, tmp_path: Path) -> None:
    path = tmp_path / "card.html"
    path.write_text(page(card), encoding="utf-8")
    shown = subprocess.run(
        [
            program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'browser'}",
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert "loan, version 3" in shown and shown.count('<svg class="plot"') == 1
    assert shown.count("not recorded") > 5 and "The gate and its releases" in shown
