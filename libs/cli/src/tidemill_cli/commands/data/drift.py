"""`tidemill drift`: what moved, what it cost, and what was done about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


@click.command()
@click.argument("model")
@click.option("--since", metavar="TIME", help="Only what was written since then: 24h, or 2026-11-21T09:00.")
@click.option("--windows", type=click.IntRange(1, 1_000), default=1, show_default=True,
              help="How many of the newest merged windows are now.")  # fmt: skip
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one page with plots to this file too."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def drift(
    platform: PlatformView, model: str, since: str | None, windows: int, html: Path | None, as_json: bool
) -> None:
    """What moved since the version that serves learned, what it cost, and what was done about it.

    \b
    tidemill drift flight-delay
    tidemill drift flight-delay --since 30d --html drift.html

    Each feature then and now, with a test whose p-values are adjusted for all of them; predictions; quality by labels,
    and what is expected before they come; alarms, requests with what admission said, releases. docs/drift.md says how
    to read it.
    """
    from tidemill_cli.rendering.progress import progress_bar
    from tidemill_operations.drift.job import drift_report
    from tidemill_operations.since import read_since

    since_ms = read_since(since)
    with progress_bar("profiles") as advance:
        report = drift_report(platform, model, since_ms, windows, advance)
    if as_json:
        import json

        from tidemill_cli.rendering.drift.rows import as_dict

        click.echo(json.dumps(as_dict(report), indent=2))
    else:
        from tidemill_cli.rendering.drift.table import show
        from tidemill_cli.rendering.terminal import console

        show(console(), report)
    if html is not None:
        from tidemill_cli.rendering.drift.page import page
        from tidemill_cli.rendering.pages import write_page

        write_page(html, page(report))
