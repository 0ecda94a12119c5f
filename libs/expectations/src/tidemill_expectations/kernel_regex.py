"""Python's regular expressions over an Arrow column of strings.

Python's `re` decides. For patterns of a small, common form Arrow's engine (RE2) is asked first: within that form,
where RE2 finds a match Python finds one, too, so that only the rest is asked of Python, each distinct text once. (The
converse does not hold: Python's `$` also matches before a line break at the end.)
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_ATOM = r"(?:[\w \-:/@#%&=,;<>!'\"~]|\\[.\-+*?()\[\]{}|^$]|\.|\[[A-Za-z0-9 _.:/@+\-]+\])"
_TIMES = r"(?:[?*+]|\{\d{1,3}(?:,\d{0,3})?\})?(?![?*+{])"
_COMMON = re.compile(rf"\^?(?:{_ATOM}{_TIMES})+\$?", re.ASCII)
"""Literal ASCII, escaped punctuation, `.`, plain classes and greedy repeats between optional anchors."""


def regex_kernel(pattern: str, unwanted: bool) -> Callable[[pa.Array], npt.NDArray[np.bool_] | None]:
    """What breaks the rule that a match of `pattern` is somewhere in each string (or, `unwanted`, nowhere): bool
    [rows], None where nothing does. Null breaks neither."""
    search = re.compile(pattern).search
    ask_arrow = not unwanted and _is_common(pattern)

    def breaking(column: pa.Array) -> npt.NDArray[np.bool_] | None:
        texts = column
        if ask_arrow:
            found = pc.match_substring_regex(column, pattern)
            if found.true_count + column.null_count == len(column):
                return None
            texts = column.filter(pc.invert(found))  # where null: left out
        broken = [text for text in pc.unique(texts).to_pylist() if text is not None and bool(search(text)) == unwanted]
        if not broken:
            return None
        members = pc.is_in(column, value_set=pa.array(broken, pa.string()))
        mask: npt.NDArray[np.bool_] = members.to_numpy(zero_copy_only=False)
        return mask

    return breaking


def _is_common(pattern: str) -> bool:
    if not _COMMON.fullmatch(pattern):
        return False
    try:
        pc.match_substring_regex(pa.array([], pa.string()), pattern)
    except pa.ArrowInvalid:  # RE2 has limits of its own
        return False
    return True
