"""The history of a model's record schema: what is in flight, or years old in a table, stays readable.

`schemas/models/history/<model>/<fingerprint>.avsc` holds every record schema that was ever in use;
`record_history` adds the current one, `check_history` says what is missing or would break. By hand:
`python -m tidemill.contracts.schemas.history`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidemill.contracts.record_check import check_against_record
from tidemill.contracts.schemas.catalog import (
    HISTORY_FOLDER,
    MODELS_FOLDER,
    Schema,
    history_files,
    read_history,
    read_schema,
)
from tidemill.contracts.schemas.compatibility import reading_problems
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

UNSENT: Final = "unsent.txt"
UNRECORDED: Final = "is not in its history"


def history_path(schemas_dir: Path, model: str, fingerprint: bytes) -> Path:
    """Where a record schema is kept: the fingerprint in hex, byte by byte as on the wire."""
    return schemas_dir / MODELS_FOLDER / HISTORY_FOLDER / model / f"{fingerprint.hex()}.avsc"


def check_history(schemas_dir: Path, models: Mapping[str, ModelSpec]) -> list[str]:
    """What is wrong with the history of `models`, one sentence each; empty where all is well.

    For each model: the current record schema is stored, every stored one has the fingerprint that its name
    says, and the current one reads them all, that of its own fingerprint included (a changed logical type
    does not change the fingerprint). What no record was ever sent with (`unsent`) binds nobody.
    """
    problems: list[str] = []
    for model, spec in models.items():
        current = read_schema(schemas_dir / MODELS_FOLDER / spec.schema_file, name=model)
        passing = unsent(schemas_dir, model)
        files = history_files(schemas_dir, model)
        if not passing and current.fingerprint.hex() not in files:
            problems.append(
                f"{model}: the record schema {current.fingerprint.hex()} {UNRECORDED}: "
                "run `python -m tidemill.contracts.schemas.history`"
            )
        for stem, path in files.items():
            if stem not in passing:
                problems += [f"{model}: {path.name}: {problem}" for problem in _stored_problems(path, stem, current)]
    return problems


def record_history(schemas_dir: Path, models: Mapping[str, ModelSpec]) -> list[Path]:
    """Stores each model's current record schema for good; gives the files that are new. What no record was ever sent
    with is forgotten.

    Raises ConfigError, and stores nothing, where a model file does not fit its schema, or a current schema cannot
    read an earlier one of its model.
    """
    current = {m: read_schema(schemas_dir / MODELS_FOLDER / spec.schema_file, name=m) for m, spec in models.items()}
    unfit = misfits(schemas_dir, models)
    problems = [
        f"{model}: {history_path(schemas_dir, model, old.fingerprint).name}: {problem}"
        for model, schema in current.items()
        for old in read_history(schemas_dir, model)
        if old.fingerprint.hex() not in unsent(schemas_dir, model)
        for problem in reading_problems(schema, old)
    ]
    if problems:
        folder = schemas_dir / MODELS_FOLDER / HISTORY_FOLDER
        told = f"(if no record was ever written with one of these, remove its file below {folder})"
        problems = [f"records in flight would not be readable {told}:", *problems]
    if unfit or problems:  # what is recorded is held to for ever: nothing that no model can use
        raise ConfigError("\n".join([*unfit, *problems]))
    found = [path for model, schema in current.items() if (path := _store(schemas_dir, model, schema)) is not None]
    for model, schema in current.items():
        _forget(schemas_dir, model, keep=schema)
    return found


def draft_history(schemas_dir: Path, models: Mapping[str, ModelSpec]) -> list[Path]:
    """Stores each model's current record schema as one that no record was sent with yet: `record_history` makes it
    stay, another draft replaces it. Gives the files that are new.
    """
    found = []
    for model, spec in models.items():
        schema = read_schema(schemas_dir / MODELS_FOLDER / spec.schema_file, name=model)
        _forget(schemas_dir, model, keep=None)
        path = _store(schemas_dir, model, schema)
        if path is not None:
            path.with_name(UNSENT).write_text(f"{path.stem}\n", encoding="utf-8")
            found.append(path)
    return found


def unsent(schemas_dir: Path, model: str) -> frozenset[str]:
    """The stems of the files in a model's history that no record was sent with: so `models new` marks what it writes,
    and the first push, `check --record`, or a start that finds records on the model's topics unmarks it.
    """
    marks = schemas_dir / MODELS_FOLDER / HISTORY_FOLDER / model / UNSENT
    try:
        return frozenset(marks.read_text(encoding="utf-8").split())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {marks}: {error}") from error


def keep_for_good(schemas_dir: Path, spec: ModelSpec) -> None:
    """Records were sent: what was drafted stays, and the current schema must read it. Raises ConfigError where it
    cannot.
    """
    (schemas_dir / MODELS_FOLDER / HISTORY_FOLDER / spec.name / UNSENT).unlink(missing_ok=True)
    record_history(schemas_dir, {spec.name: spec})


def _forget(schemas_dir: Path, model: str, keep: Schema | None) -> None:
    """Removes what no record was sent with, but for `keep`, and the marks."""
    folder = schemas_dir / MODELS_FOLDER / HISTORY_FOLDER / model
    for stem in unsent(schemas_dir, model):
        if Path(stem).name == stem and (keep is None or stem != keep.fingerprint.hex()):
            (folder / f"{stem}.avsc").unlink(missing_ok=True)
    (folder / UNSENT).unlink(missing_ok=True)


def misfits(schemas_dir: Path, models: Mapping[str, ModelSpec]) -> list[str]:
    """What model files say that their schemas do not bear out, one sentence each with its place."""
    found = []
    for model, spec in models.items():
        try:
            check_against_record(spec, read_schema(schemas_dir / MODELS_FOLDER / spec.schema_file, name=model))
        except ConfigError as error:
            found.append(str(error))
    return found


def _stored_problems(path: Path, stem: str, current: Schema) -> list[str]:
    stored = read_schema(path, name=current.name)
    if stored.fingerprint.hex() != stem:
        return [f"has the fingerprint {stored.fingerprint.hex()}: what was in use is never changed"]
    return reading_problems(current, stored)


def _store(schemas_dir: Path, model: str, schema: Schema) -> Path | None:
    path = history_path(schemas_dir, model, schema.fingerprint)
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema.text + "\n", encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Records the current schemas, or with `--check` only says what is wrong.

    Exit code 1 where something is.
    """
    from tidemill.contracts.usable import usable_models

    parser = argparse.ArgumentParser(prog="python -m tidemill.contracts.schemas.history", description=__doc__)
    parser.add_argument("--schemas", type=Path, default=Path("schemas"), help="folder of the contract")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of the model files")
    parser.add_argument("--check", action="store_true", help="store nothing, only say what is wrong")
    options = parser.parse_args(arguments)
    try:
        models, refused = usable_models(options.models, options.schemas)
        problems = list(map(str, refused))
        if options.check:
            problems += check_history(options.schemas, models)
        elif not refused:
            for path in record_history(options.schemas, models):
                print(f"recorded {path}")
    except ConfigError as error:
        problems = [str(error)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
