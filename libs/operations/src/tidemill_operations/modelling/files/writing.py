"""Puts a new model's files where a project has them; what is there stays unless it is said otherwise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from tidemill.contracts.model_file.load import load_model, model_files
from tidemill.contracts.schemas.catalog import MODELS_FOLDER
from tidemill.contracts.schemas.history import UNRECORDED, check_history, draft_history
from tidemill.errors import ConfigError
from tidemill_operations.errors import NotPossible
from tidemill_operations.modelling.new_model import NewModel

EDITOR_SCHEMA: Final = "model-file.schema.json"


def editors_line(models_dir: Path, schemas_dir: Path) -> str:
    """The first line of a model file, by which editors complete it; empty where the project has no JSON Schema."""
    schema = schemas_dir / EDITOR_SCHEMA
    if not schema.is_file():
        return ""
    return f"# yaml-language-server: $schema={os.path.relpath(schema, models_dir)}"


def write_model(new: NewModel, models_dir: Path, schemas_dir: Path, *, force: bool) -> list[Path]:
    """Writes the model file, its record and the record's history; gives them in this order.

    Raises NotPossible, and writes nothing, where one of the first two is there and not to be replaced, where another
    file has a model of this name, or where records of another shape were sent before.
    """
    file, record = models_dir / f"{new.name}.yaml", schemas_dir / MODELS_FOLDER / f"{new.name}.avsc"
    there = [str(path) for path in (file, record) if path.exists()]
    if there and not force:
        raise NotPossible(f"{' and '.join(there)}: already there; --force writes anew, --name NAME another model")
    _must_be_the_only_one(new.name, file, models_dir)
    before = {path: path.read_bytes() if path.exists() else None for path in (file, record)}
    for path, text in ((record, new.record), (file, new.model_file)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    models = {new.name: load_model(file)}
    problems = check_history(schemas_dir, models) if _has_history(schemas_dir, new.name) else []
    problems = [problem for problem in problems if UNRECORDED not in problem]
    if problems:
        for path, content in before.items():
            path.unlink() if content is None else path.write_bytes(content)
        raise NotPossible(
            "\n".join(["records that were sent could not be read any more; nothing is written:", *problems])
        )
    return [file, record, *draft_history(schemas_dir, models)]


def _has_history(schemas_dir: Path, model: str) -> bool:
    return any((schemas_dir / MODELS_FOLDER / "history" / model).glob("*.avsc"))


def _must_be_the_only_one(name: str, file: Path, models_dir: Path) -> None:
    for other in model_files(models_dir) if models_dir.is_dir() else []:
        try:
            taken = other != file and load_model(other).name == name
        except ConfigError:
            continue  # that file's own mistakes are told by `check`
        if taken:
            raise NotPossible(f"{other} has a model {name!r} already: say --name NAME")


def as_dict(new: NewModel, files: list[Path]) -> dict[str, Any]:
    """What was written, as JSON can hold it."""
    return {
        "model": new.name,
        "files": [str(path) for path in files],
        "push": list(new.push),
        "notes": list(new.notes),
    }
