"""The history of a project's records: kept for good once records are sent with them."""

from __future__ import annotations

from pathlib import Path

from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import MODELS_FOLDER, read_schema
from tidemill.contracts.schemas.history import history_path, record_history, unsent
from tidemill.contracts.usable import usable_models
from tidemill.settings import CommonSettings


def record_all(settings: CommonSettings) -> list[Path]:
    """Keeps each model's record schema for good; gives the files that are new. Raises ConfigError."""
    models, _ = usable_models(settings.models_dir, settings.schemas, settings.models)
    drafted = {name: unsent(settings.schemas, name) for name in models}
    new = record_history(settings.schemas, models)
    kept = [_current(settings.schemas, spec) for name, spec in models.items() if drafted[name]]
    return sorted({*new, *kept})


def _current(schemas: Path, spec: ModelSpec) -> Path:
    schema = read_schema(schemas / MODELS_FOLDER / spec.schema_file, name=spec.name)
    return history_path(schemas, spec.name, schema.fingerprint)
