"""What label time is given, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.label_time.change_detector import Place
from tidemill_learning.label_time.change_point import ChangePoint
from tidemill_learning.label_time.mixture.mixing import MixDue
from tidemill_learning.label_time.pool import Takeover
from tidemill_learning.label_time.probation import BornBad


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """n rows in label time. `target` [n]; `observed_at` [n], epoch ms, ascending; `places` [n]: of the events."""

    target: NDArray[np.generic]
    observed_at: NDArray[np.int64]
    places: Sequence[Place]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, slots=True)
class Changed:
    """An alarm: the version that serves has become worse, since `change`. `label`: its number in label time."""

    change: ChangePoint
    version: int
    label: int


@dataclass(frozen=True, slots=True)
class FitDue:
    """A fit is wanted on the `rows` labelled rows since `change` (None: since the beginning) that were known by
    `cut_off_ms`. `cause`: `first_data`, `quality` (the first one after a change) or `growth`.
    """

    cause: Literal["first_data", "quality", "growth"]
    change: ChangePoint | None
    rows: int
    cut_off_ms: int
    label: int


Decision = Changed | FitDue | MixDue | Takeover | BornBad
