"""What the loop makes of streams it never saw, beside fixed schedules and a forest that learns from every label."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks.harness.result import Goal, Result, told
from benchmarks.harness.sizes import Sizes
from benchmarks.streams.catalog import STREAMS
from benchmarks.streams.generated import FIRST_AFTER, spec_of, table_of
from tidemill_learning.backtest.fitting import Fits
from tidemill_learning.backtest.forest import AdaptiveForest
from tidemill_learning.backtest.moa import ARF, SGBT, SRP, MoaEnsemble
from tidemill_learning.backtest.playing import Policy
from tidemill_learning.backtest.product import product_fit
from tidemill_learning.backtest.run import Backtest
from tidemill_learning.backtest.run import backtest as play
from tidemill_learning.backtest.schedule import NEVER, never, schedules
from tidemill_learning.backtest.stream import Stream
from tidemill_learning.backtest.tidemill import Tidemill
from tidemill_learning.label_time.fit_schedule import Budget
from tidemill_learning.training.learners import one_thread

EVERY = (1_000, 2_000, 5_000, 10_000)
NEWEST = (1_000, 2_500, 10_000, None)
"""The fixed schedules, of which the best for each stream is taken afterwards."""
OURS, MIXED, FOREST, SCHEDULE = "Tidemill", "Tidemill, mixtures", "river ARF", "best schedule"
CAPYMOA = (ARF, SRP, SGBT)
"""Played where CapyMOA is installed."""
MIXTURES = (20, 40_000)
"""Of `MIXED`: as a model file says it, `retrain: {mixtures: 20 in 40_000}`."""
BEHIND, FITS, FASTER = 0.01, 15, 10.0
"""Bounds: behind the better of both on any stream; fits in 40,000 rows; seconds of ARF for each of ours."""


def backtest(sizes: Sizes) -> Result:
    """Every stream once: all of it is seeded. `ours`: mean prequential accuracy. Seconds are of the processor."""
    runs: list[dict[str, float]] = []
    with one_thread():
        pass  # what fits need is imported before any is timed
    for number, name in enumerate(list(STREAMS)[: sizes.streams]):
        found = _played(name, sizes)
        runs.append(dict(told(f"backtest {name}", number, _figures(found))))
        print(_alarms(found), file=sys.stderr, flush=True)
    means = {who: _mean(runs, who) for who in runs[0]}
    result = Result("backtest", "mean prequential accuracy", means[OURS])
    result.runs = runs
    result.figures = {f"mean {who}": means[who] for who in (MIXED, SCHEDULE, FOREST, *CAPYMOA, NEVER) if who in means}
    for name, run in zip(STREAMS, runs, strict=False):
        result.figures |= {f"{name} {who}": value for who, value in run.items()}
    result.goals = _goals(runs)
    return result


def _played(name: str, sizes: Sizes) -> Backtest:
    rows = STREAMS[name](sizes.stream_rows)
    spec = spec_of(name, rows)
    fits = Fits(product_fit(spec), time.process_time)
    policies: list[Policy] = [Tidemill(OURS, FIRST_AFTER, Budget(), fits), never(FIRST_AFTER, fits)]
    policies.append(Tidemill(MIXED, FIRST_AFTER, Budget(mixtures=MIXTURES), fits))
    if sizes.rivals:
        policies.append(AdaptiveForest(time.process_time, name=FOREST))
        policies += [MoaEnsemble(name, time.process_time) for name in MoaEnsemble.of(spec.target.task)]
    every = EVERY if sizes.rivals else EVERY[:1]
    grid = schedules(FIRST_AFTER, fits, every, NEWEST if sizes.rivals else NEWEST[:1])
    return play(Stream.of(spec, table_of(rows)), policies, grid, lambda policy, done, total: None)


def _figures(found: Backtest) -> dict[str, float]:
    ours = found.outcomes[0]
    scores = {one.name: one.score for one in found.outcomes}
    best = found.best_schedule
    assert best is not None
    seconds = {f"{one.name} s": one.seconds for one in found.outcomes if one.name in (OURS, FOREST, *CAPYMOA)}
    more = {"fits": float(len(ours.played.fits)), "of them s": ours.played.fit_seconds}
    return {**scores, SCHEDULE: best.score, **seconds, **more, "alarms": float(len(ours.played.alarms))}


def _alarms(found: Backtest) -> str:
    alarms = found.outcomes[0].played.alarms
    said = ", ".join(f"label {one.labels:,} ({one.rows:,} events after the change)" for one in alarms)
    best = found.best_schedule
    return f"    alarms: {said or 'none'}; best schedule: {best.name if best else 'none'}"


def _goals(runs: Sequence[Mapping[str, float]]) -> list[Goal]:
    ours = _mean(runs, OURS)
    goals = [Goal("most fits on a stream", max(run["fits"] for run in runs), FITS, at_most=True)]
    rivals = [who for who in (SCHEDULE, FOREST) if who in runs[0]]
    goals += [Goal(f"mean ahead of {who}", ours - _mean(runs, who), 0.0) for who in rivals]
    for name, run in zip(STREAMS, runs, strict=False):
        goals.append(
            Goal(f"{name}: behind the better", max(run[who] for who in rivals) - run[OURS], BEHIND, at_most=True)
        )
    if FOREST in runs[0]:
        ratio = _mean(runs, f"{FOREST} s") / _mean(runs, f"{OURS} s")
        goals.append(Goal("times as fast as river's ARF", ratio, FASTER))
    for who in CAPYMOA:
        if who in runs[0]:
            ratio = _mean(runs, f"{who} s") / _mean(runs, f"{OURS} s")
            goals.append(Goal(f"times as fast as {who}", ratio, 1.0))
    return goals


def _mean(runs: Sequence[Mapping[str, float]], who: str) -> float:
    return sum(run[who] for run in runs) / len(runs)
