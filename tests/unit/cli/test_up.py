"""`tidemill up` reads models and schemas where its option or the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill_cli.commands.platform.up import model_folders

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
