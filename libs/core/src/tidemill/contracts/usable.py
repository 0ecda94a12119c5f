"""The models that can be worked with: one that is wrong is refused by name and takes no other with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tidemill.contracts.model_file import ModelFileError, ModelSpec
from tidemill.contracts.model_file.errors import refusing_defects
from tidemill.contracts.model_file.load import Draft, load_draft, model_files
from tidemill.contracts.record_check import mistakes_against_record
from tidemill.contracts.schemas.catalog import MODELS_FOLDER, read_schema
from tidemill.errors import ConfigError
from tidemill.telemetry.metrics import LEFT_OUT

_log = logging.getLogger(__name__)

T = TypeVar("T")


def usable_models(
    models_dir: Path, schemas_dir: Path, only: Collection[str] = ()
) -> tuple[dict[str, ModelSpec], list[ConfigError]]:
    """The models of a folder whose file and record schema are right, by name, and what is wrong with the others, each
    with its file; with `only`, those models alone.

    Raises ConfigError, with everything that is wrong, where no model is left or one of `only` is not among them.
    """
    found: dict[str, ModelSpec] = {}
    refused: list[ConfigError] = []
    others: list[str] = []
    for path in model_files(models_dir):
        try:
            draft = load_draft(path)
            if only and not draft.mistakes and draft.model().name not in only:
                others.append(draft.model().name)
                continue
            with refusing_defects(path):
                spec = _proved(draft, schemas_dir)
            if spec.name in found:
                raise ConfigError(f"{path}: model {spec.name!r} stands in two files of {models_dir}")
        except ConfigError as error:
            refused.append(error)
        else:
            found[spec.name] = spec
    missing = [name for name in only if name not in found]
    if missing or (refused and not found):
        told = list(map(str, refused))
        if missing:
            known = ", ".join(sorted({*found, *others}))
            there = f"there are {known}" if known else "all are refused" if refused else "it has no *.yaml and no *.yml"
            told.append(f"no usable model file for {', '.join(missing)} in {models_dir}: {there}")
        raise ConfigError("\n".join(told))
    return found, refused


def serve_usable(models_dir: Path, schemas_dir: Path, only: Collection[str] = ()) -> dict[str, ModelSpec]:
    """`usable_models` for a service: what is refused is an ERROR line each, the rest is served. Raises ConfigError."""
    found, refused = usable_models(models_dir, schemas_dir, only)
    for error in refused:
        _log.error("a model is refused, the others are served: %s", error)
    return found


def build_all(specs: Iterable[ModelSpec], build: Callable[[ModelSpec], T]) -> dict[str, T]:
    """What `build` gives for each model, by name. Raises ConfigError, with the file, where one cannot be built."""
    built: dict[str, T] = {}
    for spec in specs:
        try:
            with naming(spec):
                built[spec.name] = build(spec)
        except ConfigError:
            raise
        except Exception as error:
            file = spec.source.file if spec.source else spec.name
            raise ConfigError(f"{file}: model {spec.name!r}: {type(error).__name__}: {error}") from error
        LEFT_OUT.labels(spec.name).set(0)
    return built


def build_each(specs: Iterable[ModelSpec], build: Callable[[ModelSpec], T]) -> dict[str, T]:
    """What `build` gives for each model, by name. One for which it raises is left out: an ERROR line with its file and
    the reason, and `tidemill_model_left_out`. Raises ConfigError, with all reasons, where no model is left.
    """
    built: dict[str, T] = {}
    faults: list[str] = []
    for spec in specs:
        try:
            with naming(spec):
                built[spec.name] = build(spec)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this model
            text = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
            faults.append(f"model {spec.name!r} is left out: {text}")
            expected = isinstance(error, ConfigError)
            _log.error("%s; the others are served", faults[-1], exc_info=not expected, extra={"model": spec.name})
        LEFT_OUT.labels(spec.name).set(spec.name not in built)
    if faults and not built:
        raise ConfigError("\n".join(faults))
    return built


@contextmanager
def naming(spec: ModelSpec) -> Iterator[None]:
    """What is built for a model inside of this names the model's file where it cannot be built."""
    try:
        yield
    except ModelFileError:
        raise
    except ConfigError as error:
        raise ConfigError(f"{spec.source.file if spec.source else spec.name}: model {spec.name!r}: {error}") from error


def _proved(draft: Draft, schemas_dir: Path) -> ModelSpec:
    """The model that its record bears out. Raises ConfigError with all that is wrong, in the file and by its record."""
    spec = draft.spec
    if spec is None or not spec.schema_file:
        return draft.model()
    try:
        record = read_schema(schemas_dir / MODELS_FOLDER / spec.schema_file, name=spec.name or spec.schema_file)
    except ConfigError as error:
        file = spec.source.file if spec.source else spec.name
        told = [*map(str, draft.mistakes), f"{error} (the record of the model in {file})"]
        raise ConfigError("\n".join(told)) from error
    return replace(draft, mistakes=(*draft.mistakes, *mistakes_against_record(spec, record))).model()
