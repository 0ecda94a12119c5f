"""Dead letters for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tidemill_operations.dead_letters.letters import Letter
from tidemill_operations.dead_letters.selection import Selection


def listed(counts: Mapping[tuple[str, str], int], newest: Sequence[Letter], resolved: int) -> dict[str, Any]:
    """What `tidemill dlq list` tells, as JSON can hold it: `counts` by (model, reason); times are epoch ms."""
    by_count = sorted(counts.items(), key=lambda item: -item[1])
    return {
        "counts": [{"model": model, "reason": reason, "count": count} for (model, reason), count in by_count],
        "resolved": resolved,
        "newest": [_letter(letter) for letter in newest],
    }


def resolved(
    topic: str, home: str | None, dry_run: bool, reasons: Counter[str], selection: Selection
) -> dict[str, Any]:  # fmt: skip
    """What `tidemill dlq replay` and `discard` did, or would do. `home`: where letters go back to, None where they are
    discarded; `not_open`: how many of those that were named are resolved already or are no dead letters.
    """
    return {
        "topic": topic,
        "act": "discard" if home is None else "replay",
        "to": home,
        "dry_run": dry_run,
        "count": reasons.total(),
        "reasons": dict(reasons.most_common()),
        "not_open": max(0, len(selection.places) - reasons.total()),
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
