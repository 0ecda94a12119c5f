"""What is missing until a model has its first version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["until_the_first"]


def until_the_first(model: Mapping[str, Any]) -> str:
    """How many labelled rows there are of those that the first version needs; empty where a version serves. `model`: a
    row of `tidemill status`.

    Labels that are about no event do not count; several about one event count each, so it is what there is at most.
    """
    if model["version"] is not None:
        return ""
    labelled = max(0, model["labels"] - model["labels_without_event"])
    wanted = model["first_after"]
    if labelled >= wanted:
        return f"{model['model']}: {labelled:,} labelled rows, {wanted:,} are enough: the first version is on its way"
    return f"{model['model']}: {labelled:,} of {wanted:,} labelled rows until the first version (training.first_after)"
