"""A running process takes up model files that are right and whole; a mistake leaves what is at work as it is."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.polling import until
from tests.unit.core.service.renewal.project import FIELDS, TEXT, Project
from tidemill.errors import ConfigError, RetryLater
from tidemill.service.contract import Contract
from tidemill.service.renewal.watch import ContractWatch


def test_files_that_stay_as_they_are_are_read_and_nothing_more(project: Project) -> None:
    project.look(5)
    assert (project.told, project.mistakes, project.current) == ([], [], 1)


def test_a_new_model_is_taken_up_when_two_looks_have_found_the_same(project: Project) -> None:
    project.add("other")
    project.look(1)
    assert project.told == []
    project.look(1)
    assert project.told == ["new other"]
    project.look(3)
    assert len(project.told) == 1
    assert sorted(project.watch.contract.models) == ["fine", "other"]
    assert project.health.ready().content["contract"]["models"] == ["fine", "other"]


def test_what_is_still_being_written_waits_until_it_is_whole(project: Project) -> None:
    whole = TEXT.format(name="other")
    project.record("other", FIELDS)
    for end in (10, 40, 70, len(whole)):
        project.file("other").write_text(whole[:end])
        project.look(1)
        assert (project.told, project.mistakes) == ([], [])
    project.look(1)
    assert project.told == ["new other"]


def test_what_an_editor_leaves_beside_a_file_is_no_model(project: Project) -> None:
    for name in (".fine.yaml.swp", "fine.yaml~", "#fine.yaml#", "4913"):
        (project.folder / "models" / name).write_text("half a")
    project.look(3)
    assert (project.told, project.mistakes) == ([], [])


def test_a_folder_that_changes_by_one_symlink_is_taken_up_as_a_whole(tmp_path: Path) -> None:
    """As Kubernetes does with a ConfigMap: the files are links through `..data`, which is replaced."""
    project = Project(tmp_path)
    models = tmp_path / "models"
    text = project.file("fine").read_text()
    project.file("fine").unlink()
    for name, one in (("..1", text), ("..2", text + "description: changed\n")):
        (models / name).mkdir()
        (models / name / "fine.yaml").write_text(one)
    (models / "..data").symlink_to("..1")
    project.file("fine").symlink_to(Path("..data") / "fine.yaml")
    project.look(3)
    assert project.told == []
    (models / "..data_tmp").symlink_to("..2")
    (models / "..data_tmp").replace(models / "..data")
    project.look()
    assert project.told == ["changed fine"]
    assert project.watch.contract.models["fine"].description == "changed"


def test_a_mistake_leaves_what_is_at_work_and_is_told_with_place_and_cure(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    before = project.health.ready().content["contract"]["hash"]
    project.spoil("amount: number", "amont: number")
    project.add("other")  # right, and of the same change
    with caplog.at_level(logging.ERROR):
        project.look(6)
    (mistake,) = project.mistakes
    assert mistake.startswith(f"{project.file('fine')}:6:12: ")
    assert "did you mean 'amount'?" in mistake
    assert (project.told, project.current) == ([], 0)
    assert project.health.ready().content["contract"]["hash"] == before
    assert project.health.ready().ok
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    project.spoil("amont: number", "amount: number")
    project.look()
    assert (project.told, project.mistakes, project.current) == (["new other"], [], 1)


def test_what_is_put_back_as_it_was_is_well_again(project: Project) -> None:
    project.spoil("amount: number", "amont: number")
    project.look()
    project.spoil("amont: number", "amount: number")
    project.look()
    assert (project.told, project.mistakes, project.current) == ([], [], 1)


def test_a_new_file_that_is_wrong_is_left_out_and_holds_up_no_other(project: Project) -> None:
    project.add("broken")
    project.spoil("task: binary", "task: binry", "broken")
    project.add("other")
    project.look()
    assert project.told == ["new other"]
    assert "broken.yaml:5:28: `target.task` must be one of" in project.mistakes[0]
    assert project.current == 0
    project.spoil("binry", "binary", "broken")
    project.look()
    assert (project.told, project.mistakes) == (["new other", "new broken"], [])


def test_a_file_that_is_removed_is_told_and_its_model_goes_on(project: Project) -> None:
    project.add("other")
    project.look()
    project.file("other").unlink()
    project.look()
    assert project.told == ["new other"]
    assert "'other' is gone" in project.mistakes[0]
    assert "put the file back" in project.mistakes[0]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("entity: who", "entity: event_id", "entity"),
        ("event_time: at", "event_time: at\nsource: {topic: theirs, format: avro}", "source"),
        ("task: binary", "task: regression", "target"),
    ],
)
def test_what_a_models_records_are_kept_by_cannot_change_while_it_is_at_work(
    project: Project, old: str, new: str, key: str
) -> None:
    project.spoil(old, new)
    project.look()
    assert project.told == []
    assert any(f"`{key}` of fine cannot change" in mistake for mistake in project.mistakes), project.mistakes


@pytest.mark.parametrize("error", [ConfigError("a type that columns cannot hold"), ZeroDivisionError("defect")])
def test_what_a_process_itself_cannot_take_up_is_told_and_tried_again_with_other_files(
    project: Project, error: Exception
) -> None:
    project.refuse = error
    project.add("other")
    project.look(4)
    assert str(error) in project.mistakes[0]
    assert sorted(project.watch.contract.models) == ["fine"]
    project.refuse = None
    project.add("third")
    project.look()
    assert project.told == ["new other, third"]


def test_what_waits_for_something_is_taken_up_when_that_is_there(project: Project) -> None:
    project.refuse = RetryLater("topics of other are not there")
    project.add("other")
    project.look(4)
    assert project.mistakes == []
    assert project.health.ready().content["contract"]["waits"] == "topics of other are not there"
    project.refuse = None
    project.look(1)
    assert project.told == ["new other"]
    assert project.health.ready().content["contract"]["waits"] == ""


def test_a_watch_looks_by_itself_until_it_is_closed(project: Project) -> None:
    settings = project.settings.model_copy(update={"contract_every_s": 0.01})
    with ContractWatch(Contract.load(settings), project.taken.append):
        project.add("other")
        until(lambda: project.taken, 10, "it is taken up")
