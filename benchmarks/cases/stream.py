"""Stream inference, one process, exactly once: beside a pass-through of the same sizes and beside its peers."""

from __future__ import annotations

from functools import partial

from benchmarks.cases.validator import PARTITIONS, WARM_UP, limit
from benchmarks.events import MODEL
from benchmarks.graphs.boosted import announce, boosted, publish
from benchmarks.harness.children import Child, measured, service, stages
from benchmarks.harness.peers import STREAMS, Rival
from benchmarks.harness.result import Goal, Result, rotated, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World, world
from tidemill.contracts.model_file import load_models
from tidemill.kafka.client.publisher import Publisher

BOUND = 0.85
PREDICTION_BYTES = 108
LINGER_S = 0.05


def stream(sizes: Sizes) -> Result:
    """Gradient boosting of 100 trees on ten inputs."""
    stages_us: dict[str, float] = {}
    rivals = STREAMS if sizes.rivals else {}
    with world() as place:
        graph = release_all(place, "", 0)
        if sizes.runs > 1:
            _run(place, sizes, WARM_UP, {}, graph, stages_us)
        runs = [told("stream", n, _run(place, sizes, n, rivals, graph, stages_us)) for n in range(sizes.runs)]
    result = Result.of_runs("stream", "records/s", runs)
    result.stages_us = stages_us
    result.goals = [Goal("share of the pass-through", result.ratio, BOUND)]
    return result


def release_all(place: World, prefix: str, partitions: int) -> str:
    """Publish the same boosted trees as version 1 of every model of the world; gives the graph's path."""
    path = place.folder / "boosted.onnx"
    specs = load_models(place.folder / "models")
    graph, rows = boosted(specs[MODEL])
    path.write_bytes(graph)
    if partitions:
        with Publisher(place.settings(prefix)) as publisher:
            for spec in specs.values():
                event = publish(spec, graph, rows, place.folder / "artifacts" / prefix, partitions)
                announce(place, prefix, publisher, event)
    return str(path)


def _run(
    place: World, sizes: Sizes, number: int, rivals: dict[str, Rival], graph: str, stages_us: dict[str, float]
) -> dict[str, float]:
    prefix = f"s{number}-"
    targets = {who: f"{prefix}out-{who}" for who in ("limit", *rivals)}
    sources = {who: f"{prefix}in-{who}" for who in rivals}
    topics = place.create(prefix, PARTITIONS, [*targets.values(), *sources.values()])
    release_all(place, prefix, PARTITIONS)
    clean, predictions = topics.name("clean", MODEL), topics.name("predictions", MODEL)
    place.fill(clean, sizes.records, PARTITIONS)
    figures: dict[str, float] = {}
    for who in rotated(["ours", "limit", *rivals], number):
        if who == "ours":
            figures[who] = _ours(place, prefix, predictions, sizes, stages_us)
        elif who == "limit":
            child = limit(place, clean, targets[who], sizes, LINGER_S, PREDICTION_BYTES)
            figures[who] = measured(place, child, targets[who], sizes.records).rate
        else:
            figures[who] = rivals[who].rate(place, sources[who], targets[who], sizes, PARTITIONS, graph)
    place.drop(prefix)
    return figures


def _ours(place: World, prefix: str, predictions: str, sizes: Sizes, stages_us: dict[str, float]) -> float:
    child = service(place, prefix, "tidemill_inference", "stream", models=MODEL, batch_size=sizes.batch_size)
    stages_us.clear()
    written = measured(
        place, child, predictions, sizes.records, before_stop=partial(_take_stages, stages_us, sizes.records)
    )
    if written.records != sizes.records:
        raise RuntimeError(f"{written.records} predictions, not {sizes.records}: not exactly once")
    mean = written.bytes / written.records
    if abs(mean - PREDICTION_BYTES) > 0.05 * PREDICTION_BYTES:
        raise RuntimeError(f"a prediction has {mean:.0f} bytes: the pass-through should write as many")
    return written.rate


def _take_stages(stages_us: dict[str, float], records: int, child: Child) -> None:
    stages_us.update(stages(child.metrics(), records))
