"""Every command speaks to programs too, and prints in one place what is as wide as it needs to be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import click

from tidemill_cli.app import cli

ROOT = Path(__file__).parents[2]
PRINTS = ("libs/cli/src", "examples/flights/src")
DOOR = "libs/cli/src/tidemill_cli/rendering/terminal.py"
WAITING = "libs/cli/src/tidemill_cli/rendering/progress.py"
WITHOUT_JSON = {
    "up": "runs until Ctrl-C; programs read var/run/platform.json and `status --json`",
    "kafka": "runs until Ctrl-C; its one line is the address",
}
"""Commands that say nothing that a program would read, and why."""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_takes_json_or_is_a_server() -> None:
    found = dict(commands(cli))
    flags = {name: {flag for one in command.params for flag in one.opts} for name, command in found.items()}
    without = {name for name, known in flags.items() if "--json" not in known}
    assert without == set(WITHOUT_JSON), "give it json_option, or a reason here"
    assert len(found) > 40


def test_consoles_are_made_in_one_place_which_knows_of_pipes() -> None:
    made = [
        path.relative_to(ROOT).as_posix()
        for folder in PRINTS
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    ]
    assert set(made) == {DOOR}


def test_bars_and_spinners_are_made_in_one_place_which_is_silent_without_a_terminal() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PRINTS[0]).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("rich.progress", "rich.status", ".status("))
    }
    assert found == {WAITING}
