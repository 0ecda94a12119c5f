"""Puts the platform's schemas into what is built: the repository's `schemas/` is their one source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLATFORM = ("topics.yaml", "model-file.schema.json", "*.avsc", "history/*/*.avsc")
"""Without the models of the repository and the examples."""


class PlatformSchemas(BuildHookInterface[Any]):
    """A wheel has them in the package; a source distribution beside it, so that wheels can be made of it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files. An editable install reads the repository's."""
        if version == "editable":
            return
        root = Path(self.root)
        unpacked = root / "schemas"
        source = unpacked if unpacked.is_dir() else root.parents[1] / "schemas"
        target = "tidemill/platform_schemas" if self.target_name == "wheel" else "schemas"
        found = [path for pattern in PLATFORM for path in sorted(source.glob(pattern))]
        if source / "topics.yaml" not in found:
            raise FileNotFoundError(f"the platform's schemas are not in {source}")
        for path in found:
            build_data["force_include"][str(path)] = f"{target}/{path.relative_to(source)}"
