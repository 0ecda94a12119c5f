"""A hundred swaps under fire: REST at 1,000 requests a second, the stream beside it, everything counted after.

A version comes every second; `serve` and `stream` take it as they would any. Each version answers differently, so that
an answer shows which made it. A request counts as during a swap if it was under way between the event's append to
model-versions (the broker's clock) and 200 ms after the version served; the others of the same run are the steady ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc

from benchmarks.events import MODEL
from benchmarks.graphs.variants import TOLERANCE, Variants
from benchmarks.harness.result import Goal, Result, told
from benchmarks.harness.sizes import Sizes
from benchmarks.harness.world import World, world
from benchmarks.load.swap_findings import during, once, stepped_back, went_back
from benchmarks.load.swap_under_load import BODIES, PARTITIONS, WARM_S, Outcome, fight
from tidemill.contracts.model_file import load_models

SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
"""Of the wanted rate: tried in turn, until one holds."""
HELD_P99_MS = 100.0
PROBE_S = 6.0
SERVING_MS, DURING = 1_000.0, 2.0
NONE = (
    "errors",
    "missing",
    "double",
    "not of one version",
    "epochs back",
    "swaps not seen by rest",
    "swaps not seen by stream",
)
SERVING = ("rest p50 ms", "rest p99 ms", "stream p50 ms", "stream p99 ms")


def swap(sizes: Sizes) -> Result:
    """`ours`: the median of the runs' p99 from event to serving over REST."""
    with world() as place:
        variants = Variants(load_models(place.folder / "models")[MODEL], sizes.swaps + 1)
        rate = _held(place, variants, sizes) if sizes.runs > 1 else float(sizes.fire_rate)
        runs = [told("swap", n, _run(place, variants, sizes, f"w{n}-", rate)) for n in range(sizes.runs)]
    result = Result.of_runs(
        "swap", "ms p99 from event to serving", [{"ours": run["rest p99 ms"], **run} for run in runs]
    )
    result.figures, result.rivals = dict(result.rivals), {}
    result.goals = [
        *(Goal(what, max(run[what] for run in runs), 0, at_most=True) for what in NONE),
        *(Goal(f"event to serving, {what}", result.figures[what], SERVING_MS, at_most=True) for what in SERVING),
        Goal("p99 during to steady", result.figures["during to steady"], DURING, at_most=True),
    ]
    return result


def _held(place: World, variants: Variants, sizes: Sizes) -> float:
    """The highest of the rates that this machine holds, without swaps. Raises RuntimeError where it holds none."""
    with fight(place, "held-", variants, sizes, len(SHARES) * (PROBE_S + WARM_S + 2)) as here:
        for share in SHARES:
            rate = share * sizes.fire_rate
            found = here.fire(rate, PROBE_S).result()
            told(f"swap, {rate:.0f} requests/s", 0, {"p99 ms": found["ms"].get("p99", 0.0)})
            if not found["errors"] and found["ms"]["p99"] < HELD_P99_MS:
                return rate
    raise RuntimeError(f"not even {SHARES[-1] * sizes.fire_rate:.0f} requests/s below {HELD_P99_MS:.0f} ms")


def _run(place: World, variants: Variants, sizes: Sizes, prefix: str, rate: float) -> dict[str, float]:
    seconds = WARM_S + 2 * sizes.steady_s + sizes.swaps * sizes.swap_every_s
    with fight(place, prefix, variants, sizes, seconds) as here:
        outcome = here.run(rate, sizes)
    return {"requests/s": rate, **_wrong(outcome, variants, sizes), **_serving(outcome), **_latency(outcome)}


def _wrong(found: Outcome, variants: Variants, sizes: Sizes) -> dict[str, float]:
    """Counts of what must not be, over REST and stream together."""
    rows, answers = found.predictions, found.answers
    by_rest = rows.filter(pc.equal(rows["source"], "rest"))
    by_stream = rows.filter(pc.equal(rows["source"], "stream"))
    wanted = [(k % PARTITIONS, k // PARTITIONS) for k in range(found.pushed)]
    positions = zip(by_stream["input_partition"].to_pylist(), by_stream["input_offset"].to_pylist(), strict=True)
    asked = [one for one, good in zip(answers.ids, answers.good, strict=True) if good]
    lost = [once(asked, by_rest["prediction_id"].to_pylist()), once(wanted, positions)]
    unlike = int(np.count_nonzero(answers.good & ~_of_their_version(found, variants)))
    good = answers.good
    back = went_back(answers.due_ms[good], answers.done_ms[good], answers.epoch[good])
    back += stepped_back(by_stream["partition"].to_numpy(), by_stream["epoch"].to_numpy())
    epochs = set(range(2, sizes.swaps + 2))
    seen = {"rest": {swap["epoch"] for swap in found.history}, "stream": set(by_stream["epoch"].to_pylist())}
    return {
        "errors": float(np.count_nonzero(~good)),
        "missing": float(sum(missing for missing, _ in lost)),
        "double": float(sum(double for _, double in lost)),
        "not of one version": float(unlike + _unlike_on_stream(found, variants, by_stream)),
        "epochs back": float(back),
        **{f"swaps not seen by {who}": float(len(epochs - one)) for who, one in seen.items()},
        "answers": float(good.sum()),
        "stream predictions": float(len(by_stream)),
    }


def _of_their_version(found: Outcome, variants: Variants) -> np.ndarray:
    """[n] bool: whether an answer names one version and has the value that this version gives to that request."""
    table, answers = variants.answers(BODIES), found.answers
    known = answers.one_version & (answers.version >= 1) & (answers.version <= len(table))
    right = table[np.where(known, answers.version - 1, 0), np.where(known, answers.request, 0)]
    return known & (np.abs(answers.probability - right) <= TOLERANCE)


def _unlike_on_stream(found: Outcome, variants: Variants, by_stream: Any) -> int:
    numbers = np.array([int(one[1:]) for one in by_stream["event_id"].to_pylist()])
    agree = variants.agree(
        found.rows.take(numbers), by_stream["version"].to_numpy(), by_stream["probability"].to_numpy()
    )
    return int(np.count_nonzero(~agree))


def _windows(found: Outcome) -> list[tuple[float, float]]:
    """From the event to serving over REST, in ms since the epoch of Unix."""
    served = {swap["epoch"]: datetime.fromisoformat(swap["at"]).timestamp() * 1000 for swap in found.history}
    return [(float(found.published[epoch]), at) for epoch, at in served.items() if epoch > 1]


def _serving(found: Outcome) -> dict[str, float]:
    """ms from event to serving; of the stream: to the first prediction of the version."""
    by_stream = found.predictions.filter(pc.equal(found.predictions["source"], "stream"))
    first = by_stream.group_by("epoch").aggregate([("predicted_at", "min")]).to_pydict()
    began = zip(first["epoch"], first["predicted_at_min"], strict=True)
    took = {
        "rest": [end - begin for begin, end in _windows(found)],
        "stream": [at.timestamp() * 1000 - found.published[epoch] for epoch, at in began if epoch > 1],
    }
    figures = {}
    for who, times in took.items():
        figures |= _percentiles(f"{who} p{{}} ms", times, (50, 99))
    return figures


def _latency(found: Outcome) -> dict[str, float]:
    """ms of requests during swaps and beside them; the warm-up does not count."""
    answers = found.answers
    measured = answers.good & (answers.due_ms >= answers.due_ms[0] + WARM_S * 1000)
    swapping = during(answers.due_ms, answers.done_ms, _windows(found))
    figures = _percentiles("steady p{} ms", answers.took_ms[measured & ~swapping], (50, 99))
    figures |= _percentiles("during p{} ms", answers.took_ms[measured & swapping], (50, 99))
    figures["share of time in swaps"] = float(swapping[measured].mean())
    figures["during to steady"] = figures["during p99 ms"] / figures["steady p99 ms"]
    return figures


def _percentiles(name: str, values: Sequence[float] | np.ndarray, which: Sequence[int]) -> dict[str, float]:
    return {name.format(p): float(np.percentile(values, p)) for p in which}
