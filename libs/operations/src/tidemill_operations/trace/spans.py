"""Spans kept on this machine, by trace id."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def spans_of(folder: Path | None, traces: Iterable[str]) -> list[dict[str, Any]]:
    """Spans in `folder` (JSON lines) that belong to one of the traces or are linked to it, by start time.

    Events that were not sampled have none; the topics know their path all the same.
    """
    wanted = set(traces)
    if folder is None or not wanted or not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.glob("*.jsonl*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if any(trace in line for trace in wanted):
                found.append(json.loads(line))
    return sorted(found, key=lambda span: span["start_ns"])
