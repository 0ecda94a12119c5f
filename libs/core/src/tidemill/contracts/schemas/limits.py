"""How large an Avro schema may be: its readers go down into it by recursion, some of them outside of Python.

Deep schemas would end the process (a stack that overflows in compiled code cannot be caught), and a small text that
names its types over and over becomes an enormous one once they are written out.
"""

from __future__ import annotations

from typing import Any, Final

MOST_DEPTH: Final = 128
"""Levels of JSON; a record inside of a nullable field takes four."""
MOST_NODES: Final = 50_000
"""Objects, lists and values, all together: a record of 5,000 fields has room."""


def too_large(document: Any) -> str | None:
    """Why a schema is not worked with; None where it is within the limits. Goes down without recursion."""
    waiting, seen = [(document, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if depth > MOST_DEPTH:
            return f"it is nested more than {MOST_DEPTH} levels deep"
        if seen > MOST_NODES:
            return f"it has more than {MOST_NODES:,} parts"
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting.extend((one, depth + 1) for one in inner)
    return None
