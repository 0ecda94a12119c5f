"""Regular expressions over an Arrow column of strings: Arrow's engine is RE2 too, and is given the same translation.

What it cannot be asked (boundaries of words that are not ASCII, patterns too large for its memory) is asked of ours,
each distinct text once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tidemill.patterns.linear import Pattern
from tidemill_expectations.rules.regex import MatchRegex

Mask = npt.NDArray[np.bool_]


def regex_kernel(rule: MatchRegex, pattern: Pattern) -> Callable[[pa.Array], Mask | None]:
    """What breaks the rule: bool [rows], None where nothing does. Null does not."""
    translation = pattern.for_re2
    if translation is None or not _arrow_takes(translation):
        return lambda column: _breaking(rule, column)

    def breaking(column: pa.Array) -> Mask | None:
        if column.nbytes > pattern.longest_text:  # else no text of it is longer
            return _breaking(rule, column)
        found = pc.match_substring_regex(column, translation)
        if rule.unwanted:
            return None if found.true_count == 0 else _bools(pc.fill_null(found, False))
        if found.true_count + column.null_count == len(column):
            return None
        return _bools(pc.fill_null(pc.invert(found), False))

    return breaking


def _breaking(rule: MatchRegex, column: pa.Array) -> Mask | None:
    broken = [text for text in pc.unique(column).to_pylist() if text is not None and rule.breaks(text)]
    return _bools(pc.is_in(column, value_set=pa.array(broken, pa.string()))) if broken else None


def _bools(column: pa.Array) -> Mask:
    return column.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _arrow_takes(translation: str) -> bool:
    try:
        pc.match_substring_regex(pa.array([], pa.string()), translation)
    except pa.ArrowInvalid:
        return False
    return True
