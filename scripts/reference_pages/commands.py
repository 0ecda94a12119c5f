"""Every command with its options, as `--help` has them."""

from __future__ import annotations

import html
import io
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib.metadata import EntryPoint, entry_points

import click

from reference_pages.markdown import code, page, table
from tidemill_cli.app import cli

INTRODUCTION = """`tidemill COMMAND -h` says the same in a terminal. Commands find a platform that runs on this \
machine; another one is named by [settings](settings.md) or by `--bootstrap HOST:PORT`."""
SERVICES = """Each runs one part of the platform, as `tidemill up`, Compose and Kubernetes start them; `--help` ends \
with the service's [settings](settings.md)."""


def written() -> str:
    """The page."""
    context = click.Context(cli, info_name="tidemill")
    parts = [part for name, command in commands(cli, context) for part in _told(name, command, context)]
    return page("Commands", INTRODUCTION, *parts, "## Services", SERVICES, *services())


def services() -> Iterator[str]:
    """What each service's command says of itself, without its settings: these have a page."""
    scripts = {one.name: one for one in entry_points(group="console_scripts") if one.value.endswith(".main:main")}
    for name, script in sorted(scripts.items()):
        if not name.startswith("tidemill-"):
            continue
        yield f"### {name}\n\n```\n{_help_of(script).partition('settings (')[0].strip()}\n```"


def _help_of(script: EntryPoint) -> str:
    """What `--help` prints in a terminal of a hundred columns."""
    told, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with redirect_stdout(told), suppress(SystemExit):
            script.load()(["--help"])
    finally:
        del os.environ["COLUMNS"]
        os.environ.update({} if before is None else {"COLUMNS": before})
    return told.getvalue()


def commands(
    group: click.Group, context: click.Context, above: str = "tidemill"
) -> Iterator[tuple[str, click.Command]]:
    """Every command by its full name, groups before what they hold."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{above} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, context, name), f"{above} {name}")


def _told(name: str, command: click.Command, above: click.Context) -> list[str]:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    head = f"{'##' if name.count(' ') == 1 else '###'} {name}"
    rows = [
        _row(option, context) for option in command.params if isinstance(option, click.Option) and not option.hidden
    ]
    return [head, f"```\n{usage}\n```", prose(command.help or ""), table(["option", "meaning"], rows) if rows else ""]


def _row(option: click.Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    assert record is not None
    return code(record[0]), as_markdown(record[1])


def prose(help_text: str) -> str:
    """Help as Markdown: paragraphs, and what is indented or marked not to be wrapped as it stands."""
    parts = []
    for part in help_text.replace("\f", "").strip().split("\n\n"):
        lines = part.strip("\n").splitlines()
        if lines and lines[0].strip() == "\b":
            parts.append("```\n" + "\n".join(line.rstrip() for line in lines[1:]) + "\n```")
        else:
            parts.append(as_markdown(" ".join(line.strip() for line in lines)))
    return "\n\n".join(parts)


def as_markdown(text: str) -> str:
    """A text whose angle brackets, stars and underscores are themselves."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(piece if piece.startswith("`") else _literal(piece) for piece in pieces)


def _literal(text: str) -> str:
    return re.sub(r"([*_\[\]])", r"\\\1", html.escape(text, quote=False))
