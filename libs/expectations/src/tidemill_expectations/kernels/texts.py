"""Rules about texts: their length, and the patterns that they hold.

Arrow's engine for patterns is RE2, as ours is, and is given the same translation. What it cannot be asked (boundaries
of words that are not ASCII, patterns too large for its memory) is asked of ours, each distinct text once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.patterns.linear import Pattern
from tidemill_expectations.kernels.columns import Kernel, Mask, bools, is_text
from tidemill_expectations.kernels.numbers import outside_integers
from tidemill_expectations.rules.lengths import LengthsBetween
from tidemill_expectations.rules.patterns import PatternRule

NO_LIMIT = 2**63 - 1


def lengths(rule: LengthsBetween, kind: pa.DataType) -> Kernel:
    """In code points."""
    if not is_text(kind):
        raise rule.unsuited(kind)
    most = NO_LIMIT if rule.max_value is None else rule.max_value
    outside = outside_integers(rule.min_value or 0, most, np.int32 if pa.types.is_string(kind) else np.int64)
    return lambda column: outside(pc.utf8_length(column))


def patterns(rule: PatternRule, kind: pa.DataType) -> Kernel:
    """One or several patterns that must, or must not, be found."""
    if not is_text(kind):
        raise rule.unsuited(kind)
    compiled = [rule.compiled(pattern) for pattern in rule.given]
    asked = [pattern.for_re2 for pattern in compiled if pattern.for_re2 is not None and _arrow_takes(pattern.for_re2)]
    if len(asked) < len(compiled):
        return lambda column: _breaking(rule.breaks, column)
    return _by_arrow(rule, asked, _longest(compiled))


def _by_arrow(rule: PatternRule, asked: list[str], longest: int) -> Kernel:
    combine = pc.and_ if rule.every else pc.or_

    def breaking(column: pa.Array) -> Mask | None:
        if column.nbytes > longest:  # else no text of it is longer
            return _breaking(rule.breaks, column)
        found = reduce(combine, (pc.match_substring_regex(column, pattern) for pattern in asked))
        if rule.unwanted:
            return None if found.true_count == 0 else bools(pc.fill_null(found, False))
        if found.true_count + column.null_count == len(column):
            return None
        return bools(pc.fill_null(pc.invert(found), False))

    return breaking


def _breaking(breaks: Callable[[str], bool], column: pa.Array) -> Mask | None:
    broken = [text for text in pc.unique(column).to_pylist() if text is not None and breaks(text)]
    return bools(pc.is_in(column, value_set=pa.array(broken, column.type))) if broken else None


def _longest(compiled: list[Pattern]) -> int:
    return min(pattern.longest_text for pattern in compiled)


def _arrow_takes(translation: str) -> bool:
    try:
        pc.match_substring_regex(pa.array([], pa.string()), translation)
    except pa.ArrowInvalid:
        return False
    return True
