"""The validator with ten expectations, one process, exactly once: beside a pass-through and beside its peers."""

from __future__ import annotations

from functools import partial
from statistics import median

from benchmarks.events import MODEL, bad_among
from benchmarks.harness.children import Child, measured, python, service, stages
from benchmarks.harness.peers import VALIDATORS, Rival
from benchmarks.harness.result import Goal, Result, rotated, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import PRIVACY_KEY, World, world

PARTITIONS = 4
LINGER_S = 0.05
WARM_UP = 99
"""The number of a run that does not count."""
UNCHANGED, ENCODED = 0.75, 0.60


def validator(sizes: Sizes) -> Result:
    """Records that pass unchanged keep their bytes."""
    return _bench("validator", sizes, UNCHANGED, privacy=False)


def validator_encode(sizes: Sizes) -> Result:
    """Two privacy rules change every record, so that each is encoded anew."""
    return _bench("validator-encode", sizes, ENCODED, privacy=True)


def _bench(name: str, sizes: Sizes, bound: float, *, privacy: bool) -> Result:
    stages_us: dict[str, float] = {}
    processor: dict[str, list[float]] = {"ours": [], "limit": []}
    rivals = VALIDATORS if sizes.rivals else {}
    with world(privacy=privacy) as place:
        if sizes.runs > 1:  # the broker's own code is compiled while it works: its first minute is slow
            _run(place, sizes, WARM_UP, {}, stages_us, processor)
        runs = [told(name, n, _run(place, sizes, n, rivals, stages_us, processor)) for n in range(sizes.runs)]
    result = Result.of_runs(name, "records/s", runs)
    result.stages_us = stages_us
    result.figures = {f"processor µs a record, {who}": median(found) for who, found in processor.items()}
    result.goals = [Goal("share of the pass-through", result.ratio, bound)]
    return result


def _run(
    place: World,
    sizes: Sizes,
    number: int,
    rivals: dict[str, Rival],
    stages_us: dict[str, float],
    processor: dict[str, list[float]],
) -> dict[str, float]:
    prefix = f"v{number}-"
    targets = {who: f"{prefix}out-{who}" for who in ("limit", *rivals)}
    dead = {who: f"{target}-dlq" for who, target in targets.items()}
    sources = {who: f"{prefix}in-{who}" for who in rivals}
    topics = place.create(prefix, PARTITIONS, [*targets.values(), *dead.values(), *sources.values()])
    raw, clean = topics.name("raw", MODEL), topics.name("clean", MODEL)
    place.fill(raw, sizes.records, PARTITIONS)
    key = place.folder / PRIVACY_KEY
    more = [str(key)] if key.exists() else []
    figures: dict[str, float] = {}
    for who in rotated(["ours", "limit", *rivals], number):
        if who == "ours":
            figures[who] = _ours(place, prefix, clean, sizes, stages_us, processor[who])
        elif who == "limit":
            child = limit(place, raw, targets[who], sizes, LINGER_S)
            spent = partial(_note_cpu, processor[who], sizes.records)
            figures[who] = measured(place, child, targets[who], sizes.records, before_stop=spent).rate
        else:
            figures[who] = rivals[who].rate(place, sources[who], targets[who], sizes, PARTITIONS, *more)
    place.drop(prefix)
    return figures


def limit(place: World, source: str, target: str, sizes: Sizes, linger_s: float, size: int = 0) -> Child:
    """The pass-through, with the batches that ours has."""
    own = ["--batch", str(sizes.batch_size), "--linger-s", str(linger_s), "--size", str(size)]
    return python("benchmarks.workers.pass_through", place.bootstrap, source, target, *own)


def _ours(
    place: World, prefix: str, clean: str, sizes: Sizes, stages_us: dict[str, float], spent: list[float]
) -> float:
    settings: dict[str, object] = {"batch_size": sizes.batch_size, "batch_linger_ms": int(LINGER_S * 1000)}
    if (place.folder / PRIVACY_KEY).exists():
        settings["privacy_key_file"] = place.folder / PRIVACY_KEY
    child = service(place, prefix, "tidemill_validator", **settings)
    good = sizes.records - bad_among(0, sizes.records)
    stages_us.clear()

    def note(child: Child) -> None:
        stages_us.update(stages(child.metrics(), sizes.records))
        _note_cpu(spent, sizes.records, child)

    written = measured(place, child, clean, good, before_stop=note)
    if written.records != good:
        raise RuntimeError(f"{written.records} clean records, not {good}: not exactly once")
    return written.rate


def _note_cpu(spent: list[float], records: int, child: Child) -> None:
    """Processor time a record, all threads, the start of the process included."""
    spent.append(child.cpu_s() * 1e6 / records)
