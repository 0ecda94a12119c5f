"""Every command that a document tells to type is one, with the options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from tests.contract.checks.documents import documents
from tests.contract.contract import ROOT
from tidemill_cli.app import cli

FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`tidemill ([^`|…]+)`")
TYPED = re.compile(r"^\s*(?:cd \S+ && )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?tidemill ([^\n]*)$", re.MULTILINE)
WRITTEN = ("CHANGELOG.md", "docs/reference/commands.md", "docs/fault-report.md")
"""What was typed once, and what the code says of itself."""


def typed(text: str) -> Iterator[str]:
    """The commands in the fenced blocks of a document, without what a shell takes from them, and those in its lines."""
    for block in FENCE.findall(text):
        for line in TYPED.findall(block.replace("\\\n", " ")):
            yield re.split(r"\s+#|\s[|>&;]|\s\(|  +", line.strip())[0]
    yield from (line.replace("\n", " ") for line in INLINE.findall(FENCE.sub("", text)))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def what_is_wrong(line: str) -> str:
    """Empty for a command that is there with all options of the line."""
    words = shlex.split(line.replace("…", ""))
    command: click.Command = cli
    context = click.Context(cli, info_name="tidemill")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]!r}" if command is cli else ""
        command, words = found, words[1:]
        context = click.Context(command, context, info_name=command.name)
    known = {name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)}
    return ", ".join(word for word in words if word.startswith("-") and word.split("=")[0] not in known)


def test_every_command_in_a_document_can_be_typed() -> None:
    texts = {name: path.read_text(encoding="utf-8") for path in documents(ROOT) if (name := _name(path)) not in WRITTEN}
    lines = [(name, line) for name, text in texts.items() for line in typed(text)]
    assert len(lines) > 50
    assert [(name, line, wrong) for name, line in lines if (wrong := what_is_wrong(line))] == []


def test_a_command_and_an_option_that_are_not_there_are_found() -> None:
    block = "```\ntidemill pus x.csv\nTIDEMILL_PREFIX=a tidemill push x.csv --modle m  # why\n```\n"
    found = list(typed(block + "tidemill no\n"))
    assert [what_is_wrong(line) for line in found] == ["no command 'pus'", "--modle"]
