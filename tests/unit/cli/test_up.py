"""`tidemill up` reads models and schemas where its option or the settings say."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from tidemill_cli.commands.platform.up import mlflow_pages, model_folders

MODELS, SCHEMAS = "TIDEMILL_MODELS_DIR", "TIDEMILL_SCHEMAS"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_option_and_settings_they_are_those_of_this_folder(here: Path) -> None:
    assert model_folders(None, {}) == {MODELS: str(here / "models"), SCHEMAS: str(here / "schemas")}


def test_each_setting_names_its_folder_as_it_does_for_every_other_command(here: Path) -> None:
    found = model_folders(None, {MODELS: "mine/files", SCHEMAS: "/etc/tidemill/schemas"})
    assert found == {MODELS: str(here / "mine" / "files"), SCHEMAS: "/etc/tidemill/schemas"}
    assert model_folders(None, {MODELS: "mine"})[SCHEMAS] == str(here / "schemas")


def test_the_option_wins_over_the_settings(here: Path) -> None:
    found = model_folders(Path("checkout"), {MODELS: "mine", SCHEMAS: "theirs"})
    assert found == {MODELS: str(here / "checkout" / "models"), SCHEMAS: str(here / "checkout" / "schemas")}


def test_mlflows_pages_are_run_where_mlflow_is_installed_and_not_where_nobody_wants_them() -> None:
    assert mlflow_pages(None) and mlflow_pages(True) and not mlflow_pages(False)


def test_without_mlflow_a_platform_comes_up_and_who_asks_for_its_pages_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    monkeypatch.setattr("sys.path", [str(here)])
    assert mlflow_pages(None) is False
    with pytest.raises(click.UsageError, match=r"pip install 'tidemill\[mlflow\]'"):
        mlflow_pages(True)
