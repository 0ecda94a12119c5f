"""However a command ends: what its frames had open is let go before the interpreter ends."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import click
import pytest

from tidemill.errors import RetryLater
from tidemill_cli import app


class Held:
    """Stands for a client of Kafka, which a failing command had open."""


class Ended(click.Command):
    """A command that fails while it holds something, in a cycle too."""

    def __init__(self, failure: Callable[[], BaseException]) -> None:
        super().__init__("ended")
        self.failure = failure
        self.held: weakref.ref[Held] | None = None

    def main(self, *_: Any, **__: Any) -> Any:
        held = Held()
        held.itself = held  # type: ignore[attr-defined]
        self.held = weakref.ref(held)
        raise self.failure()


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        (lambda: click.ClickException("it is so"), 1, "tidemill: it is so"),
        (lambda: click.UsageError("not that way"), 2, "tidemill: not that way"),
        (lambda: RetryLater("it is away"), 2, "tidemill: it is away"),
        (click.exceptions.Abort, 130, "stopped"),
        (lambda: SystemExit(3), 3, ""),
        (lambda: SystemExit("a sentence"), 1, "a sentence"),
    ],
)
def test_what_a_failed_command_held_is_gone_when_its_exit_code_is_there(
    failure: Callable[[], BaseException],
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = Ended(failure)
    monkeypatch.setattr(app, "cli", command)
    there: list[object] = []
    monkeypatch.setattr(sys, "exit", lambda code: there.extend([code, command.held and command.held()]))
    app.main()
    assert there == [code, None]
    assert told in capsys.readouterr().err
