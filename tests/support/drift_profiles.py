"""Profiles of a small model, `loan`, made from values: what *profile* would have written for them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tidemill.contracts.events.platform import Sketch as SketchCounts
from tidemill.contracts.events.profiles import ErrorProfile, FeatureProfile, Profile, ScoreProfile
from tidemill.stats.score_bins import bin_counts
from tidemill.stats.sketch import Sketch
from tidemill_learning.drift.labels.error_bins import binary, buckets

MINUTE_MS = 60_000
QUANTILES = np.linspace(0.0, 1.0, 101)
ROWS = 2_000

REFERENCE: dict[str, Any] = {
    "features": {
        "amount": {"kind": "number", "quantiles": (QUANTILES * 1_000).tolist(), "nulls": 0.0, "count": ROWS},
        "region": {"kind": "category", "counts": {"north": 1_000, "south": 1_000}, "other": 0, "nulls": 0.0,
                   "count": ROWS},
    },
    "predictions": {"quantiles": (QUANTILES * 0.3 + 0.1).tolist(), "mean": 0.25, "count": 1_000},
    "metrics": {"roc_auc": 0.7, "accuracy": 0.75},
    "rows": ROWS, "held_out_rows": 1_000, "event_time": [0, 100 * MINUTE_MS],
}  # fmt: skip


def number(name: str, values: np.ndarray, nulls: int = 0) -> FeatureProfile:
    sketch = Sketch()
    sketch.add(values)
    counts = SketchCounts.from_dict(sketch.to_datum())
    return FeatureProfile(name=name, count=len(values), nulls=nulls, sketch=counts)


def category(name: str, values: list[str], nulls: int = 0) -> FeatureProfile:
    return FeatureProfile(name=name, count=len(values), nulls=nulls, categories=dict(Counter(values)))


def profile(kind: str, window: int, records: int, *, partition: int = 0, rest: bool = False, **content: Any) -> Profile:
    """A window of ten minutes."""
    return Profile(
        profile_id=f"{kind}/{partition}/{window}/{rest}", model="loan", kind=kind, partition=partition, window=window,  # type: ignore[arg-type]
        topic="t", first_offset=window * records, last_offset=(window + 1) * records - 1, records=records,
        started_at=window * 10 * MINUTE_MS, ended_at=(window + 1) * 10 * MINUTE_MS - 1,
        source="rest" if rest else None, **content,
    )  # fmt: skip


def features(window: int, *, moved: bool = False, seed: int = 0, partition: int = 0, rest: bool = False) -> Profile:
    """500 loans; where they have moved, amounts are 600 higher and nearly all come from the south."""
    rng = np.random.default_rng([seed, window, partition])
    values = rng.uniform(0, 1_000, 500) + (600 if moved else 0)
    regions = rng.choice(["north", "south"], 500, p=[0.1, 0.9] if moved else [0.5, 0.5]).tolist()
    told = (number("amount", values), category("region", regions))
    return profile("features", window, 500, partition=partition, rest=rest, features=told)


def scores(window: int, version: int = 1, *, low: float = 0.1, high: float = 0.4, rest: bool = False) -> Profile:
    """500 probabilities, spread evenly."""
    bins = tuple(bin_counts(np.random.default_rng(window).uniform(low, high, 500)).tolist())
    source = "rest" if rest else "stream"
    told = ScoreProfile(source=source, version=version, arm="champion", count=500, bins=bins)
    return profile("predictions", window, 500, rest=rest, scores=(told,))


def answers(window: int, version: int = 1, *, worse: bool = False, rest: bool = False) -> Profile:
    """500 labels of probabilities spread evenly from 0.1 to 0.9; true as often as those say, or as often as not."""
    rng = np.random.default_rng([7, window])
    p = rng.uniform(0.1, 0.9, 500)
    labels = rng.random(500) < (0.5 if worse else p)
    told = ErrorProfile(
        source="rest" if rest else "stream", version=version, arm="champion", count=500,
        buckets=tuple(buckets(binary(labels.tolist(), p.tolist(), list(range(500))))),
        positives=tuple(bin_counts(p[labels]).tolist()), negatives=tuple(bin_counts(p[~labels]).tolist()),
    )  # fmt: skip
    return profile("quality", window, 500, rest=rest, errors=(told,))
