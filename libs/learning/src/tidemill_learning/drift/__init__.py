"""Drift detection as a map and a reduce, pure: partitions are folded into profiles, profiles merged and judged.

*map*: `partition` (windows, folds, join, errors) writes profiles; *reduce*: `detector` (ordering, baseline,
findings, quality) reads them. `sketch` and `scores` are the mergeable summaries between both.
"""

from __future__ import annotations
