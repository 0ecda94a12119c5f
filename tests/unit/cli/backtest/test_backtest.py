"""`tidemill backtest` from a file to a table, JSON and one page."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from tests.support.models.turning_model import MODEL, rows, write_model
from tests.support.processes.programs import program
from tidemill_cli.app import cli

CHANGE = 900


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backtest")
    write_model(folder)
    pl.DataFrame(rows(1_500, CHANGE)).write_csv(folder / "all.csv")
    (folder / "early.yaml").write_text("name: '<b>early</b>'\ntraining: {first_after: 200}\n")
    return folder


def run(folder: Path, *arguments: str) -> Result:
    settings = {"TIDEMILL_SCHEMAS": str(folder / "schemas"), "TIDEMILL_MODELS_DIR": str(folder / "models")}
    return CliRunner().invoke(cli, ["backtest", "turning", *arguments], env=settings)


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    """What one run says, and the page that it wrote."""
    arguments = ("--data", str(folder / "all.csv"), "--policy", str(folder / "early.yaml"))
    done = run(folder, *arguments, "--json", "--html", str(folder / "out" / "page.html"))
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def test_all_policies_are_scored_over_the_same_events(found: dict[str, Any]) -> None:
    assert [one["name"] for one in found["policies"]] == ["Tidemill", "<b>early</b>", "never", "river ARF"]
    assert (found["events"], found["labelled"], found["counted"]) == (1_500, 1_500, 1_500 - 319)
    ours, _, never, _ = found["policies"]
    assert ours["score"] > never["score"] + 0.1
    assert len(found["schedules"]) == 6 and found["best_schedule"] in [one["name"] for one in found["schedules"]]
    assert all(len(one["curve"]) == 100 for one in found["policies"])


def test_the_change_is_found_where_it_is(found: dict[str, Any]) -> None:
    (alarm,) = found["policies"][0]["alarms"]
    assert abs(alarm["changed_ms"] - (1_767_225_600_000 + CHANGE * 60_000)) <= 15 * 60_000
    assert 20 <= alarm["rows"] < 200


def test_the_same_file_gives_the_same_answer_whatever_the_order_of_its_rows(
    folder: Path, found: dict[str, Any]
) -> None:
    shuffled = folder / "shuffled.csv"
    pl.read_csv(folder / "all.csv").sample(fraction=1.0, shuffle=True, seed=3).write_csv(shuffled)
    done = run(folder, "--data", str(shuffled), "--json", "--without", "schedules")
    assert done.exit_code == 0, done.output
    again = {one["name"]: one for one in json.loads(done.stdout)["policies"]}
    for before in found["policies"]:
        if before["name"] in again:
            after = again[before["name"]]
            assert after["score"] == before["score"] and after["curve"] == before["curve"]
            assert after["alarms"] == before["alarms"] and after["releases"] == before["releases"]


def test_a_table_says_it_in_a_few_lines(folder: Path) -> None:
    done = run(folder, "--data", str(folder / "all.csv"), "--without", "forest")
    assert done.exit_code == 0, done.output
    first, headings, *lines = done.output.splitlines()
    assert first.startswith("turning: 1,181 events, 2026-01-01")
    assert headings.split()[:3] == ["policy", "accuracy", "roc_auc"]
    assert {"Tidemill", "never"} <= {line.split()[0] for line in lines[:3]}
    assert any("(best of 6 schedules)" in line for line in lines[:3])
    assert any(re.match(r"changed at 2026-01-01 1[45]:.*events later", line) for line in lines)


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(folder: Path, found: dict[str, Any]) -> None:
    page = (folder / "out" / "page.html").read_text()
    assert "://" not in page and "<script" not in page and "url(" not in page
    assert "<b>early" not in page and "&lt;b&gt;early" in page
    assert page.count('class="course ') == 5


@pytest.mark.needs("chromium")
def test_a_browser_without_internet_shows_the_page(folder: Path, found: dict[str, Any]) -> None:
    shown = subprocess.run(
        [
            program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", (folder / "out" / "page.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "What would Tidemill have done with turning?" in shown.stdout
    assert shown.stdout.count("<polyline") == 5 and "known at" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say --data FILE or --topic NAME"),
        (("--data", "all.csv", "--topic", "t"), "say --data FILE or --topic NAME"),
        (("--data", "all.csv", "--write"), "--write goes with --policy"),
        (("--data", "all.csv", "--since", "1d"), "--since goes with --topic"),
        (("--topic", "t", "--labels", "all.csv"), "go with --data"),
        (("--data", "few.csv"), "training.first_after"),
        (("--data", "all.csv", "--policy", "wrong.yaml"), "wrong.yaml:1:"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(folder)
    pl.DataFrame(rows(100, 50)).write_csv("few.csv")
    Path("wrong.yaml").write_text("training: {first_afte: 3}\n")
    done = run(folder, *arguments)
    assert done.exit_code != 0
    assert said in done.output + str(done.exception or "")


def test_the_best_policy_is_written_into_the_model_file_if_it_is_better(tmp_path: Path) -> None:
    file = write_model(tmp_path, MODEL + "retrain: {on: [drift]}\n")
    pl.DataFrame(rows(1_200, 500)).write_csv(tmp_path / "all.csv")
    (tmp_path / "watched.yaml").write_text("retrain: {on: [quality]}\n")
    alone = [f"--without={rival}" for rival in ("never", "schedules", "forest")]
    asked = ("--data", str(tmp_path / "all.csv"), "--policy", str(tmp_path / "watched.yaml"), "--write", *alone)
    done = run(tmp_path, *asked)
    assert done.exit_code == 0 and "wrote watched into" in done.output, done.output
    assert file.read_text().endswith("retrain: {on: [quality]}\n")
    again = run(tmp_path, *asked)
    assert again.exit_code == 0 and "nothing is written" in again.output, again.output


def test_a_model_that_is_not_there_is_named(folder: Path) -> None:
    settings = {"TIDEMILL_SCHEMAS": str(folder / "schemas"), "TIDEMILL_MODELS_DIR": str(folder / "models")}
    done = CliRunner().invoke(cli, ["backtest", "loan", "--data", str(folder / "all.csv")], env=settings)
    assert done.exit_code == 2 and "there is no model 'loan'; there are turning" in done.output
    assert "first_after: 300" in MODEL
