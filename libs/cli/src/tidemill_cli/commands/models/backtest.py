"""`tidemill backtest`: what would Tidemill have done?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidemill_cli.commands.data.reading_options import reading_options
from tidemill_cli.platform_options import shown_errors
from tidemill_cli.rendering.progress import steps_bar

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.backtest.job import Report
    from tidemill_operations.backtest.material import Material
    from tidemill_operations.backtest.policies import Override
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.push.files.choices import Choices

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("model")
@click.option("--data", type=EXISTING, help="Events (CSV, JSONL, Parquet), with their labels where --labels is none.")
@click.option("--labels", type=EXISTING, help="Labels of the events, by event id.")
@click.option("--topic", metavar="NAME", help="The model's clean or raw topic, instead of a file; needs the platform.")
@click.option("--since", metavar="TIME", help="With --topic: events from then on, such as 2026-11-01T00:00:00Z or 30d.")
@click.option("--policy", "policies", type=EXISTING, multiple=True,
              help="YAML with other words of `training` and `retrain`, to be compared; repeatable.")  # fmt: skip
@click.option("--without", multiple=True, type=click.Choice(("never", "schedules", "forest", "capymoa")),
              help="Leave a rival out; repeatable. The last two take the longest.")  # fmt: skip
@click.option("--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help="A column under another name; repeatable.")
@click.option("--event-time", "times", metavar="START/STEP", help="Times for a file without: START + i STEP in row i.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one page with plots to this file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--write", is_flag=True, help="Write the best --policy into the model file, if it is better than that.")
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka of another platform than the one that runs here.")
@reading_options
def backtest(
    model: str, data: Path | None, labels: Path | None, topic: str | None, since: str | None,
    policies: tuple[Path, ...], without: tuple[str, ...], mapped: tuple[str, ...], times: str | None,
    html: Path | None, as_json: bool, write: bool,
    bootstrap: str | None, choices: Choices,
) -> None:  # fmt: skip
    """Play a model's past again: when would it have found a change, learned anew and released, and how good would its
    answers have been?

    \b
    tidemill backtest flight-delay --data flights.parquet --html backtest.html
    tidemill backtest loan --data loans.csv --labels outcomes.csv --policy quick.yaml
    tidemill backtest loan --topic loan-clean --since 30d

    Every event is answered by the version that would have served when it came; labels are known when their file says
    (`observed_at`), else as late as the model file's `target.delay`. Beside Tidemill: the first model for ever, fixed
    schedules (the best of them, chosen afterwards), and what learns from every label: river's adaptive random forest
    and CapyMOA's ensembles, where they are installed. Files need no platform. docs/backtest.md says what is counted,
    and how.
    """
    from tidemill_operations.backtest.job import run
    from tidemill_operations.backtest.policies import read_override
    from tidemill_operations.platform import find_platform

    if (data is None) == (topic is None):
        raise click.UsageError("say --data FILE or --topic NAME")
    if write and not policies:
        raise click.UsageError("--write goes with --policy")
    if topic is None and since is not None:
        raise click.UsageError("--since goes with --topic")
    if data is None and (labels or mapped or times):
        raise click.UsageError("--labels, --map and --event-time go with --data")
    with shown_errors():
        platform = find_platform(bootstrap, needed=topic is not None)
        spec = platform.model(model)
        overrides = [read_override(path, spec) for path in policies]
        try:
            if data is not None:
                source, material = data.name, _of_files(platform, spec, data, labels, mapped, times, choices)
            else:
                source, material = str(topic), _of_topic(platform, spec, str(topic), since)
            with steps_bar() as told:
                report = run(spec, source, material, overrides, without, told)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    _show(report, html, as_json)
    if write:
        with shown_errors():
            _write(report, spec, overrides)


def _write(report: Report, spec: ModelSpec, overrides: list[Override]) -> None:
    from tidemill_operations.backtest.writing import write_policy

    chosen = report.best_of(overrides)
    if chosen is None:
        click.echo("nothing is written: no policy did better than the model file as it is", err=True)
    else:
        click.echo(f"wrote {chosen.name} into {write_policy(spec, chosen)}", err=True)


def _of_files(
    platform: PlatformView, spec: ModelSpec, data: Path, labels: Path | None, mapped: tuple[str, ...],
    times: str | None, choices: Choices,
) -> Material:  # fmt: skip
    from tidemill_operations.backtest.files import Files, read_files, told
    from tidemill_operations.push.records import TimeLine, parse_renames

    files = Files(
        data=data, labels=labels, renames=parse_renames(mapped), choices=choices,
        times=TimeLine.parse(times) if times else None,
    )  # fmt: skip
    with steps_bar() as advance:
        found = read_files(
            files, spec, platform.schemas, platform.codec, lambda done, total: advance(data.name, done, total)
        )  # fmt: skip
    for line in told(found.wrong):
        click.echo(f"left out: {line}", err=True)
    return found


def _of_topic(platform: PlatformView, spec: ModelSpec, topic: str, since: str | None) -> Material:
    from tidemill_operations.backtest.topics import read_topic

    with steps_bar() as advance:
        return read_topic(platform, spec, topic, since, lambda done, total: advance(topic, done, total))


def _show(report: Report, html: Path | None, as_json: bool) -> None:
    if as_json:
        import json

        from tidemill_cli.rendering.backtest.rows import as_dict

        click.echo(json.dumps(as_dict(report), indent=2))
    else:
        from tidemill_cli.rendering.backtest.table import show
        from tidemill_cli.rendering.terminal import console

        show(console(), report)
    if html is not None:
        from tidemill_cli.rendering.backtest.page import page
        from tidemill_cli.rendering.pages import write_page

        write_page(html, page(report))
