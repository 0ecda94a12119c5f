"""What a person sees who waits: bars and a spinner, on standard error; nothing where that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tidemill_cli.rendering.terminal import progress_console, visible

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.status import Status


class Spinner:
    """A line that says what is waited for. Without a terminal it shows nothing."""

    def __init__(self, shown: Status | None) -> None:
        self._shown = shown
        self._visible = shown is not None

    def update(self, text: str) -> None:
        """Something else is waited for from now on."""
        if self._shown is not None:
            self._shown.update(_plain(text))
            if not self._visible:
                self._shown.start()
                self._visible = True

    def hide(self) -> None:
        """Nothing is waited for until the next `update`."""
        if self._shown is not None:
            self._shown.stop()
            self._visible = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the line away while something is printed where it stands."""
        if self._shown is None or not self._visible:
            yield
            return
        self._shown.stop()
        try:
            yield
        finally:
            self._shown.start()


@contextmanager
def spinner(text: str) -> Iterator[Spinner]:
    """A spinner while the block runs; gone without a trace afterwards."""
    if not sys.stderr.isatty():
        yield Spinner(None)
        return
    with progress_console().status(_plain(text)) as shown:
        yield Spinner(shown)


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; gives the function to call with (done, total)."""
    with _bar(left=True) as shown:
        task = shown.add_task(_plain(name), total=None) if shown else None
        yield lambda done, total: _update(shown, task, completed=done, total=total)


@contextmanager
def rows_bar(name: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """As `progress_bar`, of rows whose number is known: the function is called with how many are done."""
    with _bar(left=True) as shown:
        task = shown.add_task(_plain(name), total=total, completed=done) if shown else None
        yield lambda rows: _update(shown, task, completed=rows)


@contextmanager
def steps_bar() -> Iterator[Callable[[str, int, int], None]]:
    """As `progress_bar`, of work in several steps: the function is called with (what, done, total)."""
    with _bar(left=False) as shown:
        task = shown.add_task("", total=None) if shown else None
        yield lambda what, done, total: _update(shown, task, description=_plain(what), completed=done, total=total)


@contextmanager
def parts_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each of several parts, all gone at the end: the function is called with (part, done, total)."""
    with _bar(left=False, transient=True) as shown:
        tasks: dict[str, Any] = {}

        def tell(part: str, done: int, total: int) -> None:
            if shown is not None and part not in tasks:
                tasks[part] = shown.add_task(_plain(part), total=total)
            _update(shown, tasks.get(part), completed=done, total=max(done, total))

        yield tell


@contextmanager
def _bar(*, left: bool, transient: bool = False) -> Iterator[Progress | None]:
    """Bars with the time that is `left`, or that has passed; None without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    time = TimeRemainingColumn() if left else TimeElapsedColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), time)
    with Progress(*columns, console=progress_console(), transient=transient) as shown:
        yield shown


def _update(shown: Progress | None, task: Any, **values: Any) -> None:
    if shown is not None:
        shown.update(task, **values)


def _plain(text: str) -> str:
    """Somebody else's words, which steer nothing and are no markup."""
    from rich.markup import escape

    return escape(visible(text))
