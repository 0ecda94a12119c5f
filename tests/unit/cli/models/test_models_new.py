"""`tidemill models new` says what is next: what there is to do depends on whether a platform runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tidemill_cli.app import cli
from tidemill_operations.platform import PLATFORM_FILE

ROWS = "order_id,ordered_at,amount,country,fraud\n" + "".join(
    f"o{n},2026-01-{1 + n % 28:02}T{n % 24:02}:00:00Z,{n % 97}.5,{'DE' if n % 3 else 'CH'},{n % 5 == 0}\n"
    for n in range(400)
)
TAKEN = "takes orders up by itself"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEMILL_KAFKA_BOOTSTRAP", "TIDEMILL_SCHEMAS", "TIDEMILL_MODELS_DIR", "TIDEMILL_RUN_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "orders.csv").write_text(ROWS)
    return tmp_path


def said() -> str:
    done = CliRunner().invoke(cli, ["models", "new", "--from", "orders.csv", "--label", "fraud"])
    assert done.exit_code == 0, done.output
    return done.output


def platform(project: Path, pid: int, models: str = "", folder: str = "models") -> None:
    """The facts that a platform of this folder leaves while it runs."""
    settings = {
        "TIDEMILL_KAFKA_BOOTSTRAP": "127.0.0.1:1", "TIDEMILL_MODELS": models,
        "TIDEMILL_MODELS_DIR": str(project / folder), "TIDEMILL_SCHEMAS": str(project / "schemas"),
    }  # fmt: skip
    (project / PLATFORM_FILE).parent.mkdir(parents=True)
    (project / PLATFORM_FILE).write_text(json.dumps({"pid": pid, "settings": settings, "processes": {}}))


def test_where_none_runs_one_is_to_be_started() -> None:
    assert "next: tidemill up, then: tidemill push orders.csv" in said()


@pytest.mark.parametrize("models", ["", "others,orders"])
def test_one_that_runs_takes_the_model_up_by_itself(project: Path, models: str) -> None:
    platform(project, os.getpid(), models)
    told = said()
    assert TAKEN in told and "next: tidemill push orders.csv" in told and "tidemill up" not in told


def test_one_that_keeps_to_other_models_is_to_be_started_anew(project: Path) -> None:
    platform(project, os.getpid(), "others")
    told = said()
    assert TAKEN not in told and "told to run others alone" in told and "tidemill up" in told


def test_one_that_has_died_takes_nothing_up(project: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    platform(project, ended.pid)
    assert TAKEN not in said()


def test_one_of_another_folder_takes_nothing_up(project: Path) -> None:
    platform(project, os.getpid(), folder="elsewhere/models")
    (project / "elsewhere/models").mkdir(parents=True)
    done = CliRunner().invoke(
        cli, ["models", "new", "--from", "orders.csv", "--label", "fraud"], env={"TIDEMILL_MODELS_DIR": "models"}
    )
    assert done.exit_code == 0 and TAKEN not in done.output and "next: tidemill up" in done.output
