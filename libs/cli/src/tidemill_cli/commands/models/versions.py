"""`tidemill models [NAME]`, `tidemill models import FILE` and the group that they are in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidemill_cli.commands.models.card import card
from tidemill_cli.commands.models.group import models as show
from tidemill_cli.commands.models.new import new
from tidemill_cli.commands.models.reproduce import reproduce
from tidemill_cli.commands.models.signing import new_key, sign
from tidemill_cli.json_option import Output, json_option
from tidemill_cli.platform_options import platform_options
from tidemill_operations.acts import note_act
from tidemill_operations.person import who

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.model_import.graph import Meant
    from tidemill_operations.platform import PlatformView

TIMEOUT_S = 120.0
HELP = ("-h", "--help")


class ShowsByDefault(click.Group):
    """`tidemill models` and `tidemill models NAME` show; all else is a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in HELP):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ShowsByDefault)
def models() -> None:
    """Versions of each model: shown, made elsewhere, made again.

    \b
    tidemill models                                                   what serves since when, how good it was
    tidemill models flight-delay --json
    tidemill models card flight-delay 3 --html card.html              all that is recorded of one version
    tidemill models import model.onnx --model flight-delay            a model made elsewhere becomes a version
    tidemill models new --from loans.csv --label defaulted            a model file and its record from a sample
    tidemill models reproduce flight-delay 3                          train it again: the same rows, the same hash?
    tidemill models sign --model flight-delay                         sign what was made before versions were signed
    tidemill models new-key                                           another key to sign with
    """


models.add_command(show, "show")
models.add_command(card)
models.add_command(new_key)
models.add_command(sign)
models.add_command(reproduce)
models.add_command(new)


@models.command(name="import")
@click.argument("source", metavar="FILE.onnx|mlflow:URI")
@click.option("--model", "name", metavar="NAME", help="The model; not needed where there is only one.")
@click.option("--output", metavar="NAME", help="The graph's output that is the score; found where only one may be.")
@click.option("--columns", default="", metavar="A,B", help="What stands in the columns of one matrix, in their order.")
@click.option("--classes", default="", metavar="A,B", help="Classes in the order of the output; false,true for binary.")
@click.option("--positive", metavar="NAME", help="The class that is true, where a binary graph has other names for it.")
@click.option("--logits", is_flag=True, help="The output lacks its softmax, or of one column its sigmoid: add it.")
@click.option(
    "--golden", type=click.Path(exists=True, path_type=Path), help="Rows with what it must answer: `expected`."
)
@click.option(
    "--sample", type=click.Path(exists=True, path_type=Path), help="Rows to measure drift by; else the newest."
)
@click.option(
    "--start",
    type=click.Choice(["now", "beginning"]),
    default="now",
    show_default=True,
    help="Where the stream begins, if it is the first version.",
)
@click.option("--reason", required=True, help="Why: kept for ever.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until it is a version.")
@json_option
@platform_options
def import_(
    platform: PlatformView, source: str, name: str | None, output: str | None, columns: str, classes: str,
    positive: str | None, logits: bool, golden: Path | None, sample: Path | None, start: str, reason: str, wait: bool,
    said: Output,
) -> None:  # fmt: skip
    """Let a model that was trained elsewhere become a version: no training needed.

    \b
    tidemill models import model.onnx --model loan --sample loans.csv --reason "made by the risk team"
    tidemill models import mlflow:models:/loan/4 --model loan --golden golden.csv --reason "from MLflow"

    It must be ONNX, with an input for every feature of the model file, or one matrix of them (--columns). It is proved
    here and again by the trainer (operators, signature, range, sums and order of its answers, that each row stands for
    itself, golden rows), then goes the model file's way of release, and is watched as any other. Drift is measured
    against the sample.
    """
    from tidemill.artifact import ArtifactError
    from tidemill_operations.model_import.graph import Meant, read_graph

    spec = platform.model(name)
    try:
        data = read_graph(source, platform.settings.mlflow_tracking_uri)
        meant = Meant(output, _listed(columns), _listed(classes), positive, logits)
        request = _stage(platform, spec, data, meant, golden, sample, start, reason, said)
    except (ArtifactError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _ask(platform, spec, request, source, wait, said)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _stage(
    platform: PlatformView, spec: ModelSpec, data: bytes, meant: Meant, golden: Path | None, sample: Path | None,
    start: str, reason: str, said: Output,
) -> dict[str, Any]:  # fmt: skip
    """Check the model, put it down for the trainer, and give the request that names the place."""
    from dataclasses import replace

    from tidemill.artifact import GOLDEN_FILE, MODEL_FILE, ArtifactStore, Bounds, Prover
    from tidemill.artifact.staging import IMPORT_DETECTOR, SAMPLE_FILE, staging_uri, write_sample
    from tidemill.rows.features import feature_inputs
    from tidemill_cli.commands.models.retrain import retrain_request
    from tidemill_operations.model_import.graph import fitted, proved
    from tidemill_operations.model_import.rows import golden_rows, sample_of_file, sample_of_topic

    fit = fitted(data, spec, meant, _data_set(platform, spec, start))
    rows = sample_of_file(platform, spec, sample)[0] if sample else None
    told, expected = sample_of_file(platform, spec, golden) if golden else (None, None)
    if rows is None:
        rows = told if told is not None and told.num_rows > 0 else sample_of_topic(platform, spec)
    settings = platform.settings
    store = ArtifactStore.of(settings)
    with Prover(Bounds(settings.proof_timeout_s, settings.proof_memory_mb << 20)) as prover:
        model = proved(fit, feature_inputs(rows, spec.features), prover)
    said.say(f"the graph is {fit.told()}")
    kept = golden_rows(model, told if told is not None else rows, expected)
    columns = list(dict.fromkeys([*(feature.name for feature in spec.features), spec.event_time]))
    files = {MODEL_FILE: fit.data, GOLDEN_FILE: kept.to_bytes(), SAMPLE_FILE: write_sample(rows.select(columns))}
    request = retrain_request(spec.name, reason, f"{who()} (tidemill models import)")
    uri = staging_uri(platform.settings.artifacts, spec.name, request["request_id"])
    digest = store.write(uri, files, replace(model.manifest, version=0))
    place = {"detector": IMPORT_DETECTOR, "subject": uri, "detail": digest}
    return request | {"evidence": [request["evidence"][0] | place, *request["evidence"]]}


def _data_set(platform: PlatformView, spec: ModelSpec, start: str) -> dict[str, Any]:
    """What the model is taken to have seen of the clean topic: all of it until now, or nothing."""
    from tidemill.kafka.client.scan import bounds

    clean = platform.topics.name("clean", spec.name)
    ends = bounds(platform.settings, clean)
    seen = [
        {"topic": clean, "partition": n, "first": 0, "last": high - 1 if start == "now" else -1}
        for n, (_, high) in sorted(ends.items())
    ]
    return {"table_uri": "", "table_version": 0, "offsets": seen}


def _ask(
    platform: PlatformView, spec: ModelSpec, request: dict[str, Any], source: str, wait: bool, said: Output
) -> None:
    from tidemill_cli.commands.models.retrain import conclusion, follow, send, told
    from tidemill_operations.feed import Feed

    roles = ["retrain_runs", "model_releases"]
    feed = Feed(platform.settings, platform.topics, platform.schemas, platform.codec, roles)
    digest = request["evidence"][0]["detail"]
    note_act(platform, "models.import", spec.name, source=source, request=request["request_id"], digest=digest)
    send(platform, request)
    said.say(f"asked: request {request['request_id']}")
    if not wait:
        said.tell({"request_id": request["request_id"], "model": spec.name, "state": "asked"})
    else:
        run = follow(feed, request["request_id"], TIMEOUT_S, said.as_json)
        said.say("\n".join(conclusion(run)))
        said.tell(told(run))
        if run["version"] is None:
            raise SystemExit(1)
