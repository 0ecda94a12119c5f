"""Options of the commands that read files: what a file's bytes do not say about themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from tidemill_operations.push.files.choices import TIME_UNITS, Choices, parse_delimiter, parse_encoding, parse_timezone


def _parsed(parse: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    def callback(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), context, parameter) from None

    return callback


_OPTIONS = (
    click.option(
        "--delimiter", metavar="CHARACTER", callback=_parsed(parse_delimiter),
        help="Between the cells of CSV, such as ; or \\t; without: a comma, or a tab for .tsv.",
    ),
    click.option(
        "--encoding", metavar="NAME", default="utf-8", callback=_parsed(parse_encoding),
        help="Of a text file, such as latin-1 or utf-16; without: UTF-8.",
    ),
    click.option(
        "--null-word", "null_words", multiple=True, metavar="WORD",
        help="A text that is missing, such as NA, in every column; repeatable. Quoted cells of CSV are text.",
    ),
    click.option("--multiline", is_flag=True, help="Quoted cells of CSV may hold lines that look like rows."),
    click.option("--decimal-comma", is_flag=True, help="Numbers in CSV are written as 1,5."),
    click.option(
        "--date-format", metavar="FORMAT", help="Of times as text, such as %d/%m/%Y (strptime); without: ISO-8601."
    ),
    click.option(
        "--timezone", metavar="ZONE", callback=_parsed(parse_timezone),
        help="Of times without an offset, such as UTC or Europe/Berlin; without: they are refused.",
    ),
    click.option(
        "--time-unit", type=click.Choice(TIME_UNITS),
        help="Of times as whole numbers since 1970; without: ms, and what looks like another unit is refused.",
    ),
    click.option("--as-text", is_flag=True, help='Read JSONL and Parquet as CSV: "5" and 1 may be 5 and true.'),
)  # fmt: skip


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets them as `choices`."""

    @functools.wraps(command)
    def with_choices(*args: Any, **given: Any) -> Any:
        names = Choices.__dataclass_fields__
        own = {name: given.pop(name) for name in names}
        own["null_words"] = frozenset(own["null_words"])
        return command(*args, choices=Choices(**own), **given)

    for option in reversed(_OPTIONS):
        with_choices = option(with_choices)
    return with_choices
