"""Pages of HTML that need nothing else: style and charts stand in them, and no script."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import click


def filled(template: str, *styles: str, **values: Any) -> str:
    """The page of a template, with `page.css` and these styles as `style`. All by their paths below this folder. What
    stands in values is text, but for charts, which come as markup.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tidemill_cli.rendering", ""), autoescape=True, undefined=StrictUndefined
    )
    folder = files("tidemill_cli.rendering")
    style = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", *styles))
    return environment.get_template(template).render(style=Markup(style), **values)


def write_page(path: Path, page: str) -> None:
    """Writes a page, with the folders above it, and says so. Raises ClickException where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
    click.echo(f"wrote {path}", err=True)
