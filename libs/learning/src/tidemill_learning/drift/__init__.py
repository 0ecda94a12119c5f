"""Drift detection as a map and a reduce, pure: partitions are folded into profiles, profiles merged and judged.

*map*: `profiling.partition` (windows, folds; `labels`: join, errors) writes profiles; *reduce*: `detection.detector`
(ordering, shift detectors, quality) reads them. `tidemill.stats` has the mergeable summaries between both: sketches
and bins of scores.
"""

from __future__ import annotations
