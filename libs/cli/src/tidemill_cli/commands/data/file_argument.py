"""The file that a command works on: one argument, and what is said where something else stands in its place."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def file_argument(command: str, *, required: bool = True) -> Callable[[F], F]:
    """Adds FILE to `tidemill COMMAND`, as `file`: the path of a file that can be read, None where none is `required`
    and none is given. Anything else is refused with what it was taken for, and the right command.
    """
    shown = "FILE" if required else "[FILE]"
    return click.argument(
        "file", nargs=-1, required=required, metavar=shown, callback=partial(_the_file, command=f"tidemill {command}")
    )


def _the_file(ctx: click.Context, param: click.Parameter, words: tuple[str, ...], command: str) -> Path | None:
    if not words:
        return None
    files = [word for word in words if _is(word, Path.is_file)]
    others = [word for word in words if word not in files]
    if not others:
        if len(files) > 1:
            raise click.UsageError(f"one file at a time: `{command} {shlex.quote(files[0])}`, then the next")
        if not os.access(files[0], os.R_OK):
            raise click.UsageError(f"{files[0]!r} cannot be read: its permissions do not let you")
        return Path(files[0])
    if files:
        said = f"{files[0]!r} was taken for the file, and {others[0]!r} for a second one, which is not there"
        right = f"{command} {shlex.quote(files[0])} --model {shlex.quote(others[0])}"
    else:
        folders = [word for word in others if word and _is(word, Path.is_dir)]
        what = "which is a folder" if folders else f"which is not there, seen from {Path.cwd()}"
        said, right = f"{(folders or others)[0]!r} was taken for the file, {what}", f"{command} FILE --model NAME"
    raise click.UsageError(f"{said}. A model is named by an option: `{right}`")


def _is(word: str, what: Callable[[Path], bool]) -> bool:
    """Whether a word names such a thing; of a name that no file can have, it does not."""
    try:
        return what(Path(word))
    except OSError:
        return False
