"""The windows into which a batch of labels comes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tidemill_learning.drift.labels.join import LabelJoin
from tidemill_learning.drift.labels.label_window import LabelWindow, Source
from tidemill_learning.drift.profiling.log_values import Contexts
from tidemill_learning.drift.profiling.windows import Longs


def opened_windows(
    join: LabelJoin, windows: Longs, wanted: NDArray[np.bool_], columns: tuple[Longs, Longs, Longs, Longs],
    written: Callable[[int], frozenset[Source]], contexts: Contexts,
) -> dict[int, LabelWindow]:  # fmt: skip
    """The windows of the wanted labels by number, opened where they are not, with the labels noted in their extents.

    `windows`: of each label; `columns`: offsets, times, times of the events that they are about, and append times; all
    of one length. `written`: for which sources a window is written. `contexts`: as the profiler takes them.
    """
    opened = {}
    for number in np.unique(windows[wanted]).tolist():
        part = np.flatnonzero(wanted & (windows == number))
        offsets, times, about, appended = (column[part] for column in columns)
        window = join.window(number, int(about.max()), int(appended.max()), written(number))
        window.extent.add(offsets, times)
        if contexts:
            window.extent.link(contexts[at] for at in part.tolist() if at in contexts)
        opened[number] = window
    return opened
