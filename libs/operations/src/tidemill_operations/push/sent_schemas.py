"""With the first record that is sent a record's schema stays: what is on a topic must be read by later ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tidemill.contracts.schemas import history
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec
    from tidemill_operations.platform import PlatformView


def keep_for_good(platform: PlatformView, spec: ModelSpec) -> None:
    """Takes the mark from the history of a model that was only drafted until now; says where that fails."""
    schemas = platform.settings.schemas
    if not history.unsent(schemas, spec.name):
        return
    try:
        history.keep_for_good(schemas, spec)
    except (ConfigError, OSError) as error:
        print(f"the history of {spec.name} is not kept: {error}", file=sys.stderr)
