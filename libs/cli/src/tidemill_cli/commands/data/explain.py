"""`tidemill explain`: why one prediction is what it is, and the proof."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


@click.command()
@click.argument("prediction_id")
@click.option("--model", metavar="NAME", help="Only this model; all by default.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def explain(platform: PlatformView, prediction_id: str, model: str | None, as_json: bool) -> None:
    """Explain one prediction: its bytes, where they are and by which schema; the version that made it and what that was
    made from; the features as the model saw them; the answer, scored again from the stored graph; and what each feature
    adds to it.

    \b
    tidemill explain 0191b2c4-7a31-7cc1-9a55-0c6d8f1f2a10
    tidemill explain 0191b2c4-7a31-7cc1-9a55-0c6d8f1f2a10 --json

    Contributions are exact: path-dependent TreeSHAP for trees, weight times value for a linear model, of the positive
    class, the likeliest of several, or the value. They add up to the raw score within 1e-6, or nothing is shown. Exit
    code 1 where the answer does not come out again. docs/lineage.md says how to read them.
    """
    from tidemill_cli.rendering.explain.explanation import as_dict, lines
    from tidemill_cli.rendering.progress import spinner
    from tidemill_operations.explain.explanation import explain as explained
    from tidemill_operations.reach import ensure_reachable

    ensure_reachable(platform.settings)
    with spinner("looking for the prediction, and scoring it again"):
        found = explained(platform, prediction_id, model)
    click.echo(json.dumps(as_dict(found), indent=2) if as_json else "\n".join(lines(found)))
    if not found.again.holds:
        raise SystemExit(1)
