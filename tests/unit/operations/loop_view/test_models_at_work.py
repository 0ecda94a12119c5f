"""`tidemill top` follows the model files as the processes of the platform do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidemill.errors import ConfigError
from tidemill.settings import CommonSettings
from tidemill_operations.loop_view.models_at_work import ModelsAtWork

OLD, NEW = "flight-delay", "telecom-churn"


@dataclass
class Project:
    """Folders of a platform, and the files that a person puts there."""

    root: Path
    folder: Path

    def add(self, model: str) -> None:
        for name in (f"schemas/models/{model}.avsc", f"models/{model}.yaml"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.root / name, self.folder / name)
        history = f"schemas/models/history/{model}"
        if (self.root / history).exists():
            shutil.copytree(self.root / history, self.folder / history)

    def put_back(self, model: str) -> None:
        shutil.copy(self.root / f"models/{model}.yaml", self.folder / f"models/{model}.yaml")

    def write(self, model: str, old: str, new: str) -> None:
        path = self.folder / "models" / f"{model}.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def opened(self) -> ModelsAtWork:
        folders = {"models_dir": self.folder / "models", "schemas": self.folder / "schemas"}
        return ModelsAtWork(CommonSettings(kafka_bootstrap="127.0.0.1:1", **folders))


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Project:
    made = Project(root, tmp_path)
    made.add(OLD)
    return made


def test_a_new_model_is_there_once_two_looks_have_found_the_same(project: Project) -> None:
    at_work = project.opened()
    assert not at_work.look() and [*at_work.models] == [OLD]
    project.add(NEW)
    assert [at_work.look(), at_work.look(), at_work.look()] == [False, True, False]
    assert sorted(at_work.models) == sorted(at_work.topics()) == sorted([OLD, NEW])
    assert at_work.topics()[NEW]["raw"] == f"{NEW}-raw"


def test_a_changed_figure_is_that_of_the_file(project: Project) -> None:
    at_work = project.opened()
    before = at_work.models[OLD].training.first_after
    project.write(OLD, f"first_after: {before:_}", f"first_after: {before + 1}")
    assert [at_work.look(), at_work.look()] == [False, True]
    assert at_work.models[OLD].training.first_after == before + 1


def test_what_the_platform_refuses_changes_nothing_here(project: Project) -> None:
    project.add(NEW)
    at_work = project.opened()
    (project.folder / f"models/{NEW}.yaml").unlink()
    project.write(OLD, "model: ", "modell: ")
    assert not any(at_work.look() for _ in range(4))
    assert sorted(at_work.models) == sorted([OLD, NEW])
    project.write(OLD, "modell: ", "model: ")
    project.put_back(NEW)
    assert not any(at_work.look() for _ in range(3)), "all is again as it is at work"


def test_without_a_right_model_there_is_nothing_to_look_at(project: Project) -> None:
    project.write(OLD, "model: ", "modell: ")
    with pytest.raises(ConfigError):
        project.opened()
