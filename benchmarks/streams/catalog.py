"""The streams by name: abrupt, gradual and recurring changes of six generators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.streams.generated import Rows, abrupt, gradual, taken


def _sea_abrupt(count: int) -> Rows:
    from river.datasets import synth

    return abrupt([synth.SEA(variant=v, seed=10 + k, noise=0.1) for k, v in enumerate((0, 3, 1, 2))], count)


def _sea_recurring(count: int) -> Rows:
    from river.datasets import synth

    return abrupt([synth.SEA(variant=v, seed=20 + k) for k, v in enumerate((0, 3, 0, 3, 0))], count)


def _sine_abrupt(count: int) -> Rows:
    from river.datasets import synth

    def concept(k: int, function: int) -> Any:
        return synth.Sine(classification_function=function, seed=30 + k, balance_classes=False, has_noise=False)

    return abrupt([concept(k, function) for k, function in enumerate((0, 1, 2, 3, 0))], count)


def _mixed_recurring(count: int) -> Rows:
    from river.datasets import synth

    def concept(k: int, function: int) -> Any:
        return synth.Mixed(classification_function=function, seed=40 + k, balance_classes=False)

    return abrupt([concept(k, function) for k, function in enumerate((0, 1, 0, 1, 0))], count)


def _agrawal(function: int, seed: int) -> Any:
    from river.datasets import synth

    return synth.Agrawal(classification_function=function, seed=seed, perturbation=0.05)


def _agrawal_abrupt(count: int) -> Rows:
    return abrupt([_agrawal(function, 50 + k) for k, function in enumerate((0, 2, 4, 6))], count)


def _agrawal_gradual(count: int) -> Rows:
    return gradual(_agrawal(1, 51), _agrawal(4, 52), count, count * 3 // 20, 3)


def _led_abrupt(count: int) -> Rows:
    """Segments of the display change places after a third and after two."""
    from river.datasets import synth

    rows = taken(synth.LED(seed=60, noise_percentage=0.1, irrelevant_features=True), count)
    x, one, two = rows.x.copy(), count * 13 // 40, count * 26 // 40
    x[one:two, :7] = rows.x[one:two, [3, 1, 2, 0, 4, 6, 5]]
    x[two:, :7] = rows.x[two:, [1, 4, 2, 3, 0, 5, 6]]
    return Rows(x, rows.y)


def _hyperplane_turning(count: int) -> Rows:
    from river.datasets import synth

    turning = synth.Hyperplane(seed=70, n_features=10, n_drift_features=4, mag_change=0.001, noise_percentage=0.05)
    return taken(turning, count)


STREAMS: dict[str, Callable[[int], Rows]] = {
    "sea_abrupt": _sea_abrupt,
    "sea_recurring": _sea_recurring,
    "sine_abrupt": _sine_abrupt,
    "mixed_recurring": _mixed_recurring,
    "agrawal_abrupt": _agrawal_abrupt,
    "agrawal_gradual": _agrawal_gradual,
    "led_abrupt": _led_abrupt,
    "hyperplane_turning": _hyperplane_turning,
}
"""Name to a function of the number of rows."""


def stationary(count: int) -> Rows:
    """One concept, never changed, with a tenth of its labels wrong: every alarm on it is false."""
    from river.datasets import synth

    rows = taken(synth.SEA(variant=0, seed=90, noise=0.1), count)
    return Rows(np.asarray(rows.x), rows.y)
