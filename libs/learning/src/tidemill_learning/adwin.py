"""River's ADWIN, for whoever watches a mean."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Protocol, cast

DELTA = 0.002
"""ADWIN's confidence: the chance of a false cut."""


class Adwin(Protocol):
    """What of river's ADWIN is used."""

    drift_detected: bool

    @property
    def estimation(self) -> float: ...
    @property
    def width(self) -> float: ...
    def update(self, x: float) -> object: ...


def new_adwin(check_every: int) -> Adwin:
    """ADWIN (Bifet, Gavaldà: Learning from Time-Changing Data with Adaptive Windowing, SDM 2007) with confidence
    `DELTA`, which looks for a change after each `check_every` values; without the rest of `river.drift`.

    That package imports every detector, its datasets and with them scipy, pandas and scikit-learn: 190 MB and 3 s
    instead of 20 MB and 0.3 s. So the package is entered into `sys.modules` without running its `__init__`.
    """
    if "river.drift" not in sys.modules:
        spec = importlib.util.find_spec("river")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("river is not installed: it comes with tidemill-learning[drift]")
        package = types.ModuleType("river.drift")
        package.__path__ = [str(Path(spec.submodule_search_locations[0]) / "drift")]
        sys.modules["river.drift"] = package
    from river.drift.adwin import ADWIN

    return cast(Adwin, ADWIN(delta=DELTA, clock=check_every))  # type: ignore[no-untyped-call]
