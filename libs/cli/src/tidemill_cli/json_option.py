"""`--json` of a command that does something and tells of it on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Output:
    """What a command says: lines for a person; with --json one value on standard output, and the lines beside it on
    standard error.
    """

    as_json: bool = False

    def say(self, text: str, *, err: bool = False, **style: Any) -> None:
        """A line for a person; `err`: one that belongs on standard error in any case."""
        click.secho(text, err=err or self.as_json, **style)

    def tell(self, value: Any) -> None:
        """What came of it, for programs: said once; nothing without --json."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def json_option(command: F) -> F:
    """Adds --json; the command gets its `Output` as `said`."""
    return click.option(
        "--json", "said", is_flag=True, callback=lambda _, __, given: Output(given),
        help="What came of it as JSON on standard output; the rest goes to standard error.",
    )(command)  # fmt: skip
