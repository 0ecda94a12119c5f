"""Dead letters for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidemill_operations.dead_letters.letters import Letter


def listed(counts: Mapping[tuple[str, str], int], newest: Sequence[Letter], resolved: int) -> dict[str, Any]:
    """What `tidemill dlq list` tells, as JSON can hold it: `counts` by (model, reason); times are epoch ms."""
    by_count = sorted(counts.items(), key=lambda item: -item[1])
    return {
        "counts": [{"model": model, "reason": reason, "count": count} for (model, reason), count in by_count],
        "resolved": resolved,
        "newest": [_letter(letter) for letter in newest],
    }


def _letter(letter: Letter) -> dict[str, Any]:
    key = None if letter.key is None else letter.key.decode(errors="replace")
    origin = None if letter.origin is None else "/".join(map(str, letter.origin))
    return {
        "place": letter.place,
        "at": letter.at_ms,
        "key": key,
        "reason": letter.reason,
        "message": letter.message,
        "origin": origin,
    }
