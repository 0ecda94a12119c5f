"""What grows and what must not: memory with events, cost per event with partitions and with models."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.cases.stream import release_all
from benchmarks.events import MODEL, bad_among
from benchmarks.harness.children import Child, drained, measured, service, stages
from benchmarks.harness.result import Goal, Result, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World, world

RSS_MB, PARTITIONS_TIMES, MODELS_TIMES = 20.0, 1.2, 2.0
PARTITIONS = 4
PATIENCE_S = 400.0

SERVICES: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "validator": ("tidemill_validator", (), "raw", "clean"),
    "stream": ("tidemill_inference", ("stream",), "clean", "predictions"),
}
"""Module, arguments, role of the input, role of the output."""


def scale(sizes: Sizes) -> Result:
    """Validator and stream: both for memory, each for cost. `ours` is the larger growth of memory in MB.

    Memory is measured once: it takes minutes, and what grows grows every time. Costs are medians of the runs, in
    which the three forms take turns as far as their worlds allow.
    """
    stages_us: dict[str, float] = {}
    with world() as place:
        growth = _memory(place, sizes, stages_us)
        single, wide = [], []
        for number in range(sizes.runs):
            single.append(told("scale", number, _cost(place, sizes, f"one{number}-", 1)))
            wide.append(told("scale", number, _cost(place, sizes, f"wide{number}-", sizes.partitions)))
    with world(sizes.models) as place:
        many = [told("scale", number, _cost(place, sizes, f"many{number}-", 1)) for number in range(sizes.runs)]
    result = Result("scale", "MB more after the larger number of events", max(growth.values()), limit=RSS_MB)
    result.stages_us = stages_us
    forms = {"1": single, f"{sizes.partitions} partitions": wide, f"{sizes.models} models": many}
    result.runs = [
        {f"{who} µs {form}": runs[n][who] for form, runs in forms.items() for who in SERVICES}
        for n in range(sizes.runs)
    ]
    result.goals = [Goal(f"{who} MB more", mb, RSS_MB, at_most=True) for who, mb in growth.items()]
    bounds = (PARTITIONS_TIMES, MODELS_TIMES)
    for who in SERVICES:
        cost = {form: median(run[who] for run in runs) for form, runs in forms.items()}
        result.figures |= {f"{who} µs {form}": figure for form, figure in cost.items()}
        for form, bound in zip([form for form in forms if form != "1"], bounds, strict=True):
            result.goals.append(Goal(f"{who} cost 1 to {form}", cost[form] / cost["1"], bound, at_most=True))
    return result


def _memory(place: World, sizes: Sizes, stages_us: dict[str, float]) -> dict[str, float]:
    """Growth of resident memory between the smaller and the larger number of events, in MB."""
    prefix = "m-"
    topics = place.create(prefix, PARTITIONS)
    release_all(place, prefix, PARTITIONS)
    children = {who: service(place, prefix, module, *arguments) for who, (module, arguments, _, _) in SERVICES.items()}
    predictions = topics.name("predictions", MODEL)
    raw = topics.name("raw", MODEL)
    try:
        place.fill(raw, sizes.few, PARTITIONS)
        before = _rss(place, children, predictions, sizes.few)
        place.fill(raw, sizes.many - sizes.few, PARTITIONS, first=sizes.few)
        after = _rss(place, children, predictions, sizes.many)
        for who, child in children.items():
            stages_us |= {f"{who} {stage}": us for stage, us in stages(child.metrics(), sizes.many).items()}
    finally:
        for child in children.values():
            child.stop()
    place.drop(prefix)
    told("scale memory", 0, {f"{who} {at}": found[who] for who in children for at, found in
                             (("before", before), ("after", after))})  # fmt: skip
    return {who: after[who] - before[who] for who in children}


def _rss(place: World, children: dict[str, Child], predictions: str, events: int) -> dict[str, float]:
    drained(place, list(children.values()), [predictions], events - bad_among(0, events), PATIENCE_S)
    return {who: child.rss_mb() for who, child in children.items()}


def _cost(place: World, sizes: Sizes, prefix: str, partitions: int) -> dict[str, float]:
    """Microseconds an event of each service, with the events split over the models of the world."""
    topics = place.create(prefix, partitions)
    release_all(place, prefix, partitions)
    each = sizes.scale_records // len(place.models)
    costs = {}
    for who, (module, arguments, source, target) in SERVICES.items():
        if who == "validator":  # the stream then reads what it has written
            for model in place.models:
                place.fill(topics.name(source, model), each, partitions, model=model)
        child = service(place, prefix, module, *arguments, batch_size=sizes.batch_size)
        names: Sequence[str] = [topics.name(target, model) for model in place.models]
        written = measured(place, child, names, (each - bad_among(0, each)) * len(names), timeout_s=PATIENCE_S)
        costs[who] = 1e6 / written.rate
    place.drop(prefix)
    return costs
