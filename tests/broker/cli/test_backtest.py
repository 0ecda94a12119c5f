"""`tidemill backtest --topic`: what is kept on a model's topics gives what the file gives that was pushed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.models.turning_model import moment, rows, write_model
from tidemill_cli.app import cli
from tidemill_operations.platform import PlatformView, find_platform

ROWS = 700
BARE = ("--without", "never", "--without", "schedules", "--without", "forest", "--json")


@pytest.fixture
def view(kafka: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformView:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path)
    settings = {"KAFKA_BOOTSTRAP": kafka, "PREFIX": prefix, "MODELS": "turning"}
    settings |= {"SCHEMAS": str(tmp_path / "schemas"), "MODELS_DIR": str(tmp_path / "models")}
    for name, value in settings.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", value)
    assert run("topics", "create").exit_code == 0
    return find_platform()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def written(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, records)))
    return str(path)


def without_seconds(done: Result) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.output
    policies: list[dict[str, Any]] = json.loads(done.stdout)["policies"]
    for one in policies:
        del one["seconds"], one["fit_seconds"]
        for fit in one["fits"]:
            del fit["seconds"]
    return policies


def test_a_topic_gives_what_its_file_gives(view: PlatformView, tmp_path: Path) -> None:
    made = rows(ROWS, 450)
    events = written(tmp_path / "events.jsonl", [{name: row[name] for name in ("event_id", "at", "x")} for row in made])
    labels = written(
        tmp_path / "labels.jsonl",
        [
            {"event_id": row["event_id"], "y": row["y"], "at": row["at"], "observed_at": moment(k + 30)}
            for k, row in enumerate(made)
        ],
    )
    assert run("push", events).exit_code == 0
    assert run("push", labels, "--labels", "--no-entity").exit_code == 0
    raw = view.topics.name("raw", "turning")
    found = without_seconds(run("backtest", "turning", "--topic", raw, "--since", "1h", *BARE))
    assert found == without_seconds(run("backtest", "turning", "--data", events, "--labels", labels, *BARE))
    assert len(found[0]["fits"]) >= 1


def test_another_topic_and_an_empty_one_are_refused(view: PlatformView) -> None:
    other = run("backtest", "turning", "--topic", view.topics.name("predictions", "turning"))
    assert other.exit_code == 2 and view.topics.name("clean", "turning") in other.output
    empty = run("backtest", "turning", "--topic", view.topics.name("clean", "turning"))
    assert empty.exit_code == 1 and "none of the 0 rows is an event of turning" in empty.output
    assert run("backtest", "turning", "--topic", "x", "--since", "soon").exit_code == 2
