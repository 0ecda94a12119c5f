"""`tidemill models card MODEL VERSION`: all that is recorded of one version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.model_card.card import Card
    from tidemill_operations.platform import PlatformView


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(1))
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the card as one page to this file too."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def card(platform: PlatformView, model: str, version: int, html: Path | None, as_json: bool) -> None:
    """The model card of a version: data, metrics, decision, lineage, releases, features. What is not recorded is said
    so.

    \b
    tidemill models card flight-delay 3 --html card.html
    """
    from tidemill_operations.model_card.card import model_card

    found = model_card(platform, model, version)
    if as_json:
        import json

        from tidemill_cli.rendering.card.rows import as_dict

        click.echo(json.dumps(as_dict(found), indent=2))
    else:
        _show(found)
    if html is not None:
        from tidemill_cli.rendering.card.page import page
        from tidemill_cli.rendering.pages import write_page

        write_page(html, page(found))


def _show(found: Card) -> None:
    from tidemill_cli.rendering.card.rows import metric_cells, sections
    from tidemill_cli.rendering.terminal import console

    screen = console()

    def say(text: str) -> None:
        screen.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{found.spec.name}, version {found.version}: {found.spec.description or 'intended use not recorded'}")
    for section, lines in sections(found):
        say(f"\n{section}")
        for label, value in lines:
            say(f"  {label}: {value}")
    say("\nHow good it is")
    for name, value, since in map(metric_cells, found.metrics):
        say(f"  {name}: {value} on held-out rows; {since} since it serves")
    say(f"\nThe gate: {found.outcome or 'not recorded'}; {found.decision or 'no reason is recorded'}")
    for one in found.releases:
        say(f"  epoch {one.epoch}: {one.action} by {one.by}: {one.reason}")
