"""`tidemill models reproduce MODEL VERSION`: is the version what its manifest says it is?"""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import click

from tidemill_cli.platform_options import platform_options

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView
    from tidemill_operations.reproduce.again import Compared, Reproduction

LEARNERS = ("tidemill_learning", "sklearn")


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@platform_options
def reproduce(platform: PlatformView, model: str, version: int, as_json: bool) -> None:
    """Make a version again, from the very records that its manifest names, and compare: the same rows, the same model?

    \b
    tidemill models reproduce flight-delay 3
    tidemill models reproduce flight-delay 3 --json

    The records are read from Kafka by their offsets, and learned from with the recorded words of the model file (seed,
    split, candidates, features), cut-off, change point and trials. The hashes that are compared are of the labelled
    rows, of the ONNX graph's bytes and of the reference, which holds the hold-out's metrics; beside them stands the
    threshold of decisions, where the version has one. A mixture is composed of its members' artifacts again. Where one
    differs it is said why: records that retention has removed, other libraries, another processor, another revision of
    the code, each with its cure. Exit code 0 where all agree, else 1. docs/lineage.md tells more.
    """
    if any(importlib.util.find_spec(module) is None for module in LEARNERS):
        raise click.UsageError("the learners are not installed here: pip install 'tidemill[backtest]'")
    from tidemill_cli.rendering.progress import steps_bar
    from tidemill_operations.reach import ensure_reachable
    from tidemill_operations.reproduce.again import reproduce as again

    name = platform.model(model).name
    ensure_reachable(platform.settings)
    with steps_bar() as told:
        found = again(platform, name, version, told)
    click.echo(json.dumps(_as_dict(found), indent=2) if as_json else "\n".join(_lines(found)))
    if not found.agrees:
        raise SystemExit(1)


def _as_dict(found: Reproduction) -> dict[str, object]:
    return {
        "model": found.model,
        "version": found.version,
        "agrees": found.agrees,
        "rows": found.rows,
        "seconds": round(found.seconds, 3),
        "compared": [
            {"what": one.what, "agrees": one.agrees, "recorded": one.recorded, "found": one.found or None}
            for one in found.compared
        ],
        "remarks": [{"what": one.what, "cure": one.cure} for one in found.remarks],
    }


def _lines(found: Reproduction) -> list[str]:
    verdict = "is what its manifest says" if found.agrees else "does NOT come out as its manifest says"
    trained = f", {found.how} again in {found.seconds:.1f} s" if found.seconds else f", not {found.how} again"
    lines = [f"{found.model} version {found.version} {verdict} ({found.rows:,} labelled rows from Kafka{trained})"]
    lines += [line for one in found.compared for line in _compared(one)]
    for remark in found.remarks:
        lines += [f"  note: {remark.what}", f"        {remark.cure}"]
    return lines


def _compared(one: Compared) -> list[str]:
    kind = "sha256 " if one.digest else ""
    if one.agrees:
        return [f"  {one.what:<9} agrees   {kind}{one.recorded}"]
    return [
        f"  {one.what:<9} {'differs ' if one.found else 'not made'} {kind}{one.recorded} recorded",
        *([f"  {'':<9}          {kind}{one.found} found"] if one.found else []),
    ]
