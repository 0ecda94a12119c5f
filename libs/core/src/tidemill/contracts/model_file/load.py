"""Reads model files: text to `ModelSpec`, or `ModelFileError` with file, line and column."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from tidemill.contracts.model_file.errors import ModelFileError
from tidemill.contracts.model_file.expectations import read_expectation
from tidemill.contracts.model_file.fields import read_normalise, read_privacy
from tidemill.contracts.model_file.nodes import Value, compose
from tidemill.contracts.model_file.releases import read_release
from tidemill.contracts.model_file.sections import (
    read_drift,
    read_features,
    read_retrain,
    read_target,
    read_training,
)
from tidemill.contracts.model_file.sources import read_source
from tidemill.contracts.model_file.spec import ExpectationSpec, ModelSpec, Source
from tidemill.contracts.model_file.vocabulary import ROOT_NOT_BUILT, SUBJECTS
from tidemill.errors import ConfigError

MODEL_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST_MODEL_NAME = 100  # topics add a suffix and a prefix, and Kafka allows 249 in all
REQUIRED = ("model", "schema", "entity", "event_time", "target", "features")
OPTIONAL = (
    "event_id", "unique", "description", "owner", "source", "expectations", "normalise", "privacy",
    "training", "release", "drift", "retrain",
)  # fmt: skip
ON_OFF: Mapping[object, bool] = {"on": True, "off": False, True: True, False: False}
"""To a YAML 1.1 editor `off` is false."""
NAMED_BY_KEY = ("features.", "source.fields.", "target.source.fields.", "normalise.", "privacy.")
"""Sections whose keys are fields: an error about a field points at its name."""


def load_model(path: Path) -> ModelSpec:
    """Reads one model file. Raises ModelFileError where it is wrong, ConfigError where it cannot be read
    at all.

    What it says about its record is checked later, by `check_against_record`, once the `.avsc` is there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the model file {path}: {error}") from error
    return parse_model(path, text)


def load_models(folder: Path, only: Collection[str] = ()) -> dict[str, ModelSpec]:
    """Reads every `*.yaml` and `*.yml` in `folder`, by model name; with `only`, those models alone.

    Raises ConfigError where the folder is not there, two files have one model, or a model of `only` has no
    file. A file that is wrong is an error even where its model is not asked for: its name is not known for
    certain. All files that are wrong are told at once.
    """
    found: dict[str, ModelSpec] = {}
    wrong: list[ConfigError] = []
    for path in model_files(folder):
        try:
            spec = load_model(path)
        except ConfigError as error:
            wrong.append(error)
            continue
        if spec.name in found:
            raise ConfigError(f"model {spec.name!r} stands in two files of {folder}: {path.name} is the second")
        found[spec.name] = spec
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise ConfigError("\n".join(map(str, wrong)))
    missing = [name for name in only if name not in found]
    if missing:
        raise ConfigError(f"no model file for {', '.join(missing)} in {folder}: there are {', '.join(found) or 'none'}")
    return {name: spec for name, spec in found.items() if not only or name in only}


def model_files(folder: Path) -> list[Path]:
    """Every `*.yaml` and `*.yml` of a folder, in order. Raises ConfigError where it is not there."""
    if not folder.is_dir():
        raise ConfigError(f"no folder of model files at {folder}")
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def parse_model(path: Path, text: str) -> ModelSpec:
    """The model in `text`; `path` is only for errors."""
    root = compose(path, text)
    found = root.mapping((*REQUIRED, *OPTIONAL), required=REQUIRED, not_built=ROOT_NOT_BUILT)
    target = read_target(found["target"])
    plain = {key: found[key].text() for key in ("event_id", "description", "owner") if key in found}
    expectations = found["expectations"].items() if "expectations" in found else []
    rules = tuple(read_expectation(item) for item in expectations)
    return ModelSpec(
        name=_model_name(found["model"]),
        schema_file=_schema_file(found["schema"]),
        entity=found["entity"].text(),
        event_time=found["event_time"].text(),
        target=target,
        features=read_features(found["features"]),
        expectations=rules,
        unique=_unique(found["unique"], rules, plain.get("event_id", "event_id")) if "unique" in found else True,
        normalise=read_normalise(found.get("normalise")),
        privacy=read_privacy(found.get("privacy")),
        training=read_training(found.get("training"), target.task),
        release=read_release(found.get("release")),
        drift=read_drift(found.get("drift")),
        retrain=read_retrain(found.get("retrain")),
        events=read_source(found["source"]) if "source" in found else None,
        source=Source(path, _positions(found)),
        **plain,
    )


def _model_name(value: Value) -> str:
    name = value.text()
    if not MODEL_NAME.fullmatch(name) or len(name) > LONGEST_MODEL_NAME:
        raise value.wants("lower-case letters, digits and single hyphens, such as `loan-default`")
    return name


def _unique(value: Value, rules: tuple[ExpectationSpec, ...], event_id: str) -> bool:
    word = value.scalar()
    if not isinstance(word, str | bool) or word not in ON_OFF:
        raise value.wants("on or off; a window of its own: `expect_column_values_to_be_unique` of the event id")
    on = ON_OFF[word]
    if not on and any(rule.within and rule.columns == (event_id,) for rule in rules):
        raise value.error(f"`unique: off`, and an expectation wants {event_id} unique: which one holds?")
    return on


def _schema_file(value: Value) -> str:
    name = value.text()
    if not name.endswith(".avsc") or Path(name).name != name:
        raise value.wants("the name of an .avsc file in schemas/models/")
    return name


def _positions(found: dict[str, Value]) -> dict[str, tuple[int, int]]:
    """Where the values are that are checked against the record later."""
    places = {key: child for key, child in found.items() if key in ("schema", "entity", "event_id", "event_time")}
    places |= {f"features.{key}": child for key, child in found["features"].entries().items()}
    places["target.label"] = found["target"].entries()["label"]
    for section in [found.get("source"), found["target"].entries().get("source")]:
        if section is not None and "fields" in section.entries():
            places |= {child.path: child for child in section.entries()["fields"].entries().values()}
    if "expectations" in found:
        for item in found["expectations"].items():
            body = next(iter(item.entries().values()))
            places[f"{item.path}.column"] = _subject(body)
    for name in ("normalise", "privacy"):
        if name in found:
            places |= {child.path: child for child in found[name].entries().values()}
    return {key: _position(child, at_key=key.startswith(NAMED_BY_KEY)) for key, child in places.items()}


def _subject(body: Value) -> Value:
    """The argument of an expectation that names its fields."""
    named = body.entries()
    return next((named[key] for key in SUBJECTS if key in named), body)


def _position(value: Value, at_key: bool) -> tuple[int, int]:
    error: ModelFileError = value.error("", at_key=at_key)
    return error.line, error.column
