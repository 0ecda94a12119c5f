"""Tombstones and deleted rows, which validators set aside and which are no fault of anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill_operations.standing.scrape import scrape

JUDGED = "tidemill_validator_records_total"


def tombstones(facts: Mapping[str, Any]) -> dict[str, int]:
    """By model, as the validators of a platform on this machine have counted them since they started.

    `facts`: the platform's, with the URL of each process that listens; those that do not answer count nothing.
    """
    counts: dict[str, int] = {}
    for name, process in facts.get("processes", {}).items():
        if name.startswith("validator"):
            for labels, value in scrape(process).get(JUDGED, []):
                if labels["outcome"] == "set_aside":
                    counts[labels["model"]] = counts.get(labels["model"], 0) + int(value)
    return counts
