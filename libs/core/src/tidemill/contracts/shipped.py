"""The platform's part of the contract as it comes with this package: topics, events, their history.

A project's own `schemas/` then holds no more than `models/`. One that has a `topics.yaml` is a contract of its own and
is read alone: the two are never mixed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tidemill.errors import ConfigError

__all__ = ["TOPICS_FILE", "platform_folder", "shipped_folder"]

TOPICS_FILE: Final = "topics.yaml"
_PACKAGE: Final = Path(__file__).resolve().parents[1]
_WITH_THE_PACKAGE: Final = _PACKAGE / "platform_schemas"
"""In a wheel; see `hatch_build.py`."""
_IN_THE_SOURCES: Final = Path(*_PACKAGE.parts[:-4], "schemas")
"""Where the package is installed from its sources (libs/core/src/tidemill), editable: what a wheel is filled from."""


def shipped_folder() -> Path:
    """The folder of the platform's schemas that belongs to this installation.

    Raises ConfigError where the installation is not whole.
    """
    for folder in (_WITH_THE_PACKAGE, _IN_THE_SOURCES):
        if (folder / TOPICS_FILE).is_file():
            return folder
    raise ConfigError(f"the platform's schemas are not in {_WITH_THE_PACKAGE}: install `tidemill` anew")


def platform_folder(schemas_dir: Path) -> Path:
    """Where the platform's topics, events and their history are read: `schemas_dir` where it has a `topics.yaml`, else
    what this installation has.

    Raises ConfigError where `schemas_dir` has schemas of the platform and no topics: that is half a contract.
    """
    if (schemas_dir / TOPICS_FILE).is_file():
        return schemas_dir
    half = sorted(path.name for path in schemas_dir.glob("*.avsc"))
    if half:
        raise ConfigError(
            f"{schemas_dir} has {', '.join(half[:3])}{' and others' if half[3:] else ''} and no {TOPICS_FILE}: add it, "
            f"or remove them to use the platform's own (records of models stand in {schemas_dir / 'models'})"
        )
    return shipped_folder()
