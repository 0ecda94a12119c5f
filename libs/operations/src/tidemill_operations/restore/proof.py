"""Whether what served when the backup was taken can be served here: fetched, verified, loaded, and its golden rows
answered, as a worker would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill_operations.backup.document import Backup, Serving
from tidemill_operations.errors import NotPossible

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView


@dataclass(frozen=True, slots=True)
class Proved:
    """A model's version, and why it cannot be served here; empty where it can."""

    serving: Serving
    problem: str = ""


def prove(platform: PlatformView, backup: Backup) -> tuple[Proved, ...]:
    """Each version that served, by the topics as they are now."""
    return tuple(Proved(one, _problem(platform, one)) for one in backup.serving)


def _problem(platform: PlatformView, one: Serving) -> str:
    from tidemill_operations.predict.version import open_version

    if one.model not in platform.models:
        return f"there is no model file for {one.model} here"
    try:
        found = open_version(platform, one.model, None)
    except NotPossible as error:
        return str(error)
    return "" if found.number == one.version else f"version {found.number} serves here"
