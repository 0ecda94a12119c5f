"""Which version of a model serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemill_operations.errors import NotPossible
from tidemill_operations.feed import read_all

if TYPE_CHECKING:
    from tidemill.contracts.events.platform import ModelVersion
    from tidemill_operations.platform import PlatformView


def serving(platform: PlatformView, model: str) -> ModelVersion:
    """What serves now: the published record of the highest epoch. Raises NotPossible where nothing does."""
    from tidemill.contracts.events.platform import ModelVersion

    found = max(
        (item.datum for item in read_all(platform, "model_versions", model)),
        key=lambda datum: datum["epoch"],
        default=None,
    )
    if found is None:
        raise NotPossible(f"no version of {model} serves yet: `tidemill status` says what it waits for")
    return ModelVersion.from_dict(found)
