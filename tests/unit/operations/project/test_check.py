"""`tidemill check` and `init`: all that is wrong at once, and a project that is right from its first moment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tidemill.config_file import read_config
from tidemill.contracts.schemas.history import unsent
from tidemill.setting_names import SETTING_NAMES
from tidemill_cli.app import cli, main
from tidemill_operations.project.settings_classes import config_text, setting_names

CSV = "id,at,user,v,y\n" + "".join(
    f"e{i},2026-11-{1 + i // 60:02}T10:{i % 60:02}:00Z,u{i % 9},{i * 37 % 101},{'yes' if i * 7919 % 11 < 3 else 'no'}\n"
    for i in range(120)
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in [name for name in os.environ if name.startswith("TIDEMILL_")]:
        monkeypatch.delenv(name)
    (tmp_path / "events.csv").write_text(CSV)
    return tmp_path


@pytest.fixture
def project(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    result = run("init", "shop", "--from", "events.csv", "--label", "y")
    assert result.exit_code == 0, result.output
    monkeypatch.chdir(here / "shop")
    return here / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def problems() -> list[str]:
    result = run("check", "--json")
    found = [
        f"{p['file']}:{p['line']}:{p['column']}: {p['message']}: {p['cure']}"
        for p in json.loads(result.stdout)["problems"]
    ]
    assert result.exit_code == (1 if found else 0)
    return found


def test_a_project_that_begins_is_right_and_says_the_commands_of_its_own(project: Path) -> None:
    assert problems() == []
    readme = (project / "README.md").read_text()
    assert "tidemill push ../events.csv --model events --with-labels" in readme
    assert "/v1/models/events/predict" in readme and '"v": 0' in readme
    assert (project / "models" / "events.yaml").read_text().startswith("# yaml-language-server: $schema=../schemas/")
    assert yaml.safe_load((project / ".github" / "workflows" / "tidemill.yml").read_text())["jobs"]
    assert "var/" in (project / ".gitignore").read_text()


def test_its_settings_file_has_every_setting_as_a_comment_and_says_nothing(project: Path) -> None:
    path = project / "tidemill.yaml"
    assert read_config(path) == ({}, [])
    lines = path.read_text().splitlines()
    for name in setting_names():
        assert any(line.startswith(f"# {name}:") for line in lines), name


def test_the_names_of_settings_are_those_of_the_classes() -> None:
    assert set(SETTING_NAMES) == setting_names() | {"run_file"}


def test_without_its_marks_every_line_of_the_settings_file_is_one_that_is_taken(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in config_text("shop").splitlines()]
    stated = [line for line in lines if line.partition(":")[0] in SETTING_NAMES and " " not in line.partition(":")[0]]
    (tmp_path / "all.yaml").write_text("\n".join(stated))
    assert read_config(tmp_path / "all.yaml")[1] == []


def test_all_that_is_wrong_is_told_at_once_with_its_place(project: Path) -> None:
    (project / "tidemill.yaml").write_text("partitons: 3\nauth: maybe\n")
    model = project / "models" / "events.yaml"
    model.write_text(model.read_text().replace("task: binary", "task: binry").replace("  v: number", "  w: number"))
    (project / "models" / "other.yaml").write_text("model: other\nschema: other.avsc\n")
    told = problems()
    for words in (
        "tidemill.yaml:1:1: unknown setting 'partitons': did you mean 'partitions'?",
        "tidemill.yaml:2:1: TIDEMILL_AUTH",
        "must be one of binary, multiclass, regression: did you mean 'binary'?",
        "events.avsc has no field 'w'",
        "models/other.yaml:1:1",
    ):
        assert any(words in line for line in told), (words, told)


def test_settings_that_kafkas_client_does_not_know_or_take_are_told_each_at_its_line(project: Path) -> None:
    file = project / "tidemill.yaml"
    lines = len(file.read_text().splitlines())
    with file.open("a") as out:
        out.write("kafka_bootstrp: x\nkafka_security_protocol: SSL\nkafka_queued_min_messages: many\n")
    first, second = problems()
    assert first.startswith(f"tidemill.yaml:{lines + 1}:1: ") and "did you mean 'kafka_bootstrap'?" in first
    assert second.startswith(f"tidemill.yaml:{lines + 3}:1: ") and "queued.min.messages" in second


def test_a_setting_that_no_client_can_be_made_with_is_told_at_its_line(project: Path) -> None:
    with (project / "tidemill.yaml").open("a") as out:
        out.write("kafka_security_protocol: SLS\n")
    (found,) = problems()
    line = len((project / "tidemill.yaml").read_text().splitlines())
    assert found.startswith(f"tidemill.yaml:{line}:1: security.protocol must be one of")


def test_a_record_that_cannot_be_read_has_line_and_column(project: Path) -> None:
    (project / "schemas" / "models" / "events.avsc").write_text('{"type": "record",\n "name": }')
    assert any("events.avsc:2:10: not JSON" in line for line in problems())


def test_a_draft_binds_nobody_and_what_is_recorded_does(project: Path) -> None:
    record = project / "schemas" / "models" / "events.avsc"
    record.write_text(record.read_text().replace('["null", "long"]', '["null", "double"]'))
    assert problems() == []
    result = run("check", "--record")
    assert (
        "recorded schemas/models/history/events/" in result.output and unsent(Path("schemas"), "events") == frozenset()
    )
    record.write_text(record.read_text().replace('["null", "double"]', '["null", "long"]'))
    assert len(problems()) >= 1


def test_two_files_of_one_model_and_topics_that_would_be_one_are_told(project: Path) -> None:
    text = (project / "models" / "events.yaml").read_text()
    (project / "models" / "again.yaml").write_text(text)
    (project / "models" / "labels.yaml").write_text(text.replace("model: events", "model: events-labels"))
    told = " ".join(problems())
    assert "model 'events' stands in" in told
    assert "rename the model" in told


def test_nothing_is_written_before_all_is_right_nor_into_a_folder_with_something_in_it(here: Path) -> None:
    assert run("init", "shop", "--from", "events.csv", "--label", "nope").exit_code == 2
    assert not (here / "shop").exists()
    (here / "full").mkdir()
    (here / "full" / "mine.txt").write_text("mine")
    assert "is there and not empty" in run("init", "full").output
    assert "--label and" not in run("init", "bare").output and (here / "bare" / "tidemill.yaml").exists()


def test_a_command_that_is_misspelt_is_answered_with_the_one_that_was_meant() -> None:
    result = run("chekc")
    assert result.exit_code == 2 and "no such command 'chekc': did you mean 'check'?" in result.output


@pytest.mark.parametrize("arguments", [("chekc",), ("check", "--jsno"), ("status", "--bootstrap")])
def test_whatever_is_refused_begins_with_the_commands_name(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tidemill", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.splitlines()[-1].startswith("tidemill: ") and "Error:" not in told
