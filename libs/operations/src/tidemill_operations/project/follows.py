"""Whether a platform runs here that takes up the model files of these folders by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill_operations.platform import PlatformView

__all__ = ["kept_to", "lives", "runs_here"]


def runs_here(platform: PlatformView, models_dir: Path, schemas: Path) -> bool:
    """Whether the process that has written the platform's facts lives, and its services read these folders."""
    settings = platform.facts.get("settings", {})
    named = [settings.get(name) for name in ("TIDEMILL_MODELS_DIR", "TIDEMILL_SCHEMAS")]
    read = [Path(name).resolve() for name in named if name]
    return read == [models_dir.resolve(), schemas.resolve()] and lives(platform.facts.get("pid"))


def kept_to(platform: PlatformView) -> list[str]:
    """The models that the platform was told to run; empty where it runs all that there are."""
    named = str(platform.facts.get("settings", {}).get("TIDEMILL_MODELS", ""))
    return [name.strip() for name in named.split(",") if name.strip()]


def lives(pid: object) -> bool:
    """Whether a process of this id is there, whoever's it is; False where there is no id."""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
