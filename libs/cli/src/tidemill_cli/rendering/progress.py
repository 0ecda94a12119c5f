"""A bar for work that takes long, on standard error; silent where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tidemill_cli.rendering.terminal import progress_console


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Gives the function to call with (done, total)."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress_console()) as shown:
        task = shown.add_task(name, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def rows_bar(name: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """As `progress_bar`, of rows whose number is known: the function is called with how many are done."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress_console()) as shown:
        task = shown.add_task(name, total=total, completed=done)
        yield lambda rows: shown.update(task, completed=rows)


@contextmanager
def steps_bar() -> Iterator[Callable[[str, int, int], None]]:
    """As `progress_bar`, of work in several steps: the function is called with (what, done, total)."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console()) as shown:
        task = shown.add_task("", total=None)
        yield lambda what, done, total: shown.update(task, description=what, completed=done, total=total)
