"""A command that works on a file says what it took for one, and the right command."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tidemill_cli.app import cli
from tidemill_cli.commands.data.file_argument import file_argument


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "my rows.csv", "more.csv"):
        (tmp_path / name).write_text("a\n1\n")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("command", ["push", "predict"])
@pytest.mark.parametrize(
    ("words", "took", "right"),
    [
        (["flights", "rows.csv"], "'flights' for a second one", "rows.csv --model flights`"),
        (["rows.csv", "flights"], "'flights' for a second one", "rows.csv --model flights`"),
        (["flights", "my rows.csv"], "'my rows.csv' was taken for the file", "'my rows.csv' --model flights`"),
        (["x; rm -r y", "rows.csv"], "'x; rm -r y' for a second one", "rows.csv --model 'x; rm -r y'`"),
        (["flights"], "'flights' was taken for the file, which is not there", "FILE --model NAME`"),
        (["flights", "gone.csv"], "'flights' was taken for the file, which is not there", "FILE --model NAME`"),
        (["flights", "folder"], "'folder' was taken for the file, which is a folder", "FILE --model NAME`"),
        ([""], "'' was taken for the file, which is not there", "FILE --model NAME`"),
        (["n" * 5_000], "was taken for the file, which is not there", "FILE --model NAME`"),
        (["rows.csv", "more.csv"], "one file at a time", "rows.csv`"),
    ],
)
def test_what_was_taken_for_what_is_said_with_the_right_command(
    command: str, words: list[str], took: str, right: str
) -> None:
    done = CliRunner().invoke(cli, [command, *words])
    assert done.exit_code == 2
    assert took in done.output and f"`tidemill {command} {right}" in done.output


def test_a_command_that_needs_a_file_says_that_it_is_missing() -> None:
    done = CliRunner().invoke(cli, ["push"])
    assert (done.exit_code, "Missing argument 'FILE'" in done.output) == (2, True), done.output


@pytest.mark.parametrize(("words", "found"), [(["rows.csv"], Path("rows.csv")), ([], None)])
def test_a_command_is_given_the_path_of_its_file_or_none(words: list[str], found: Path | None) -> None:
    given: list[Path | None] = []

    @click.command()
    @file_argument("look", required=False)
    def look(file: Path | None) -> None:
        given.append(file)

    done = CliRunner().invoke(look, words)
    assert (done.exit_code, given) == (0, [found]), done.output
