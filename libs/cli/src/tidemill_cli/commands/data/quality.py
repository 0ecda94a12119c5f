"""`tidemill quality`: how good a model's data are, and expectations from Great Expectations."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_cli.rendering.quality_html import Examples
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.quality.collect import Quality

LEFT_OVER = 3
"""Exit code of an import that could not take over all of a suite."""
BROKEN = 1


class ReportOrCommand(click.Group):
    """`tidemill quality MODEL` is `tidemill quality report MODEL`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["report", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ReportOrCommand)
def quality() -> None:
    """How good a model's data are: counts by expectation, and verdicts by window of event time.

    \b
    tidemill quality flight-delay
    tidemill quality flight-delay --since 24h --html quality.html
    tidemill quality import suite.json          take over a Great Expectations suite
    """


@quality.command()
@click.argument("model")
@click.option("--since", metavar="TIME", help="Only what was validated since then: 24h, or 2026-11-21T09:00.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--check", is_flag=True, help="Exit with 1 where an expectation by window does not hold.")
@platform_options
def report(
    platform: PlatformView, model: str, since: str | None, html: Path | None, as_json: bool, check: bool
) -> None:
    """Report on a model's data, from the quality reports that the validator writes with them."""
    from tidemill_cli.rendering.progress import spinner
    from tidemill_operations.since import read_since

    with spinner("reading the reports"):
        found = _collected(platform, model, read_since(since))
    _print(found, as_json)
    if html is not None:
        from tidemill_cli.rendering.pages import write_page
        from tidemill_cli.rendering.quality_html import page

        private = {name: rule.kind for name, rule in platform.model(model).privacy.items()}
        write_page(html, page(found, _examples(platform, found), private))
    if check and found.broken:
        sys.exit(BROKEN)


def _print(found: Quality, as_json: bool) -> None:
    if as_json:
        import json

        from tidemill_cli.rendering.quality_json import as_dict

        click.echo(json.dumps(as_dict(found), indent=2))
    else:
        from tidemill_cli.rendering.quality_table import show
        from tidemill_cli.rendering.terminal import console

        show(console(), found)


def _collected(platform: PlatformView, model: str, since_ms: int | None) -> Quality:
    from tidemill_expectations import event_suite, label_suite
    from tidemill_operations.quality.collect import collect
    from tidemill_operations.quality.reading import read_reports
    from tidemill_operations.reach import ensure_reachable
    from tidemill_operations.standing.label_counts import labels_met

    spec = platform.model(model)
    ensure_reachable(platform.settings)
    suites = {
        platform.topics.name("raw", model): event_suite(spec),
        platform.topics.name("labels_raw", model): label_suite(spec),
    }
    found = collect(model, suites, read_reports(platform, model, since_ms), int(time.time() * 1000))
    found.met = labels_met(platform, model)
    return found


def _examples(platform: PlatformView, found: Quality) -> Examples:
    from tidemill_operations.quality.reading import Examples as Reader

    by_rule: dict[tuple[str, str, str, str], Any] = {}
    for role, topic in zip(("raw", "labels_raw"), found.topics, strict=True):
        reader = Reader(platform, found.model, role)
        for count in topic.counts.values():
            if count.examples:
                by_rule[topic.topic, count.name, count.column, count.arguments] = reader.of(count)
    return by_rule


@quality.command("import")
@click.argument("suite", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="Write the YAML here, not to the screen.")
@click.option("--within", default="1d", show_default=True, metavar="SPAN", help="How far back repeats are looked for.")
@click.option("--over", metavar="SPAN", help="The window of expectations by window; a day by default.")
@json_option
def import_(suite: Path, into: Path | None, within: str, over: str | None, said: Output) -> None:
    """Take over a Great Expectations suite (0.x or 1.x) as the expectations of a model file.

    Prints the YAML, and to standard error what could not be taken over, with reasons. Exit code 0 where all of it
    was taken over, 3 where something was left.
    """
    import json

    from tidemill.errors import ConfigError
    from tidemill_operations.quality.suites import import_suite, to_yaml

    try:
        parsed = json.loads(suite.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {suite}: {error}") from error
    found = import_suite(parsed, within=within, over=over)
    text = to_yaml(found)
    if into is not None:
        into.write_text(text, encoding="utf-8")
    elif not said.as_json:
        click.echo(text, nl=False)
    total = len(found.taken) + len({(left.name, left.subject) for left in found.left})
    click.echo(f"{len(found.taken)} of {total} expectations taken over", err=True)
    for left in found.left:
        click.echo(f"  not taken over: {left.name}({left.subject}): {left.reason}", err=True)
    said.tell(
        {
            "taken": [{"expectation": one.name, "arguments": one.arguments, "note": one.note} for one in found.taken],
            "left": [{"expectation": one.name, "subject": one.subject, "reason": one.reason} for one in found.left],
            "total": total,
            "into": None if into is None else str(into),
        }
    )
    if found.left:
        sys.exit(LEFT_OVER)
