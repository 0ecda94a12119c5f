"""Reads model files: text to `ModelSpec`, or `ModelFileError` with file, line and column of all that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tidemill.contracts.model_file.errors import EnoughError, ModelFileError, refusing_defects
from tidemill.contracts.model_file.expectations import read_expectation
from tidemill.contracts.model_file.fields import read_normalise, read_privacy
from tidemill.contracts.model_file.releases import read_release
from tidemill.contracts.model_file.retention import needs, read_retention
from tidemill.contracts.model_file.sections import (
    read_drift,
    read_features,
    read_retrain,
    read_target,
    read_training,
)
from tidemill.contracts.model_file.sources import read_source
from tidemill.contracts.model_file.spec import Drift, ExpectationSpec, ModelSpec, Release, Retrain, Source, Target, Task
from tidemill.contracts.model_file.vocabulary import ROOT_NOT_BUILT, SUBJECTS
from tidemill.contracts.model_file.yaml.document import compose
from tidemill.contracts.model_file.yaml.nodes import Value
from tidemill.contracts.model_name import is_model_name
from tidemill.errors import ConfigError

REQUIRED = ("model", "schema", "entity", "event_time", "target", "features")
OPTIONAL = (
    "event_id", "unique", "description", "owner", "source", "expectations", "normalise", "privacy",
    "training", "release", "drift", "retrain", "retention",
)  # fmt: skip
ON_OFF: Mapping[object, bool] = {"on": True, "off": False, True: True, False: False}
"""To a YAML 1.1 editor `off` is false."""
NAMED_BY_KEY = ("features.", "source.fields.", "target.source.fields.", "normalise.", "privacy.")
"""Sections whose keys are fields: an error about a field points at its name."""


NO_TARGET = Target(label="", task=cast(Task, ""))
NO_RULE = ExpectationSpec(name="", kwargs={})
"""What stands for a section or an entry that could not be read."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read of a model file, and what is wrong with it.

    `spec` is None where nothing could be read; where `mistakes` are, it is no model: names, kinds and words that
    could not be read are "", and it serves for nothing but to be held against its record, so that what is wrong there
    is told too.
    """

    spec: ModelSpec | None
    mistakes: tuple[ModelFileError, ...] = ()

    def model(self) -> ModelSpec:
        """The model. Raises ModelFileError, with all mistakes, where there are any."""
        if self.mistakes or self.spec is None:
            raise ModelFileError.of(self.mistakes)
        return self.spec


def load_model(path: Path) -> ModelSpec:
    """Reads one model file. Raises ModelFileError, with all that is wrong, where it is wrong, ConfigError where it
    cannot be read at all.

    What it says about its record is checked later, by `check_against_record`, once the `.avsc` is there.
    """
    return load_draft(path).model()


def load_draft(path: Path) -> Draft:
    """Reads one model file as far as it can be. Raises ConfigError where it cannot be read at all."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the model file {path}: {error}") from error
    return draft_model(path, text)


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
            said = f"model {spec.name!r} stands in two files of {folder}: {path.name} is the second"
            wrong.append(ConfigError(said))
            continue
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
    """The model in `text`; `path` is only for errors. Raises ModelFileError with all that is wrong."""
    return draft_model(path, text).model()


def draft_model(path: Path, text: str) -> Draft:
    """What can be read of `text`; `path` is only for errors."""
    try:
        with refusing_defects(path):
            root, spec = compose(path, text), None
            with suppress(EnoughError):  # what was found until then is told
                spec = root.read(_read, None)
            return Draft(spec, root.mistakes.found)
    except ModelFileError as error:
        return Draft(None, (error,))


def _read(root: Value) -> ModelSpec:
    found = root.section((*REQUIRED, *OPTIONAL), required=REQUIRED, not_built=ROOT_NOT_BUILT)
    told = root.mistakes.told
    target = found.read("target", read_target, NO_TARGET, NO_TARGET)
    drift = found.read("drift", read_drift, Drift(), Drift())
    retrain = found.read("retrain", read_retrain, Retrain(), Retrain())
    known = root.mistakes.told == told and found.certain("target", "drift", "retrain")
    needed = tuple(needs(target, drift, retrain)) if known else ()
    rules = found.read("expectations", _expectations, (), ())
    training = read_training(None, target)
    event_id = found.read("event_id", Value.text, "event_id", "")
    return ModelSpec(
        name=found.read("model", _model_name, "", ""),
        schema_file=found.read("schema", _schema_file, "", ""),
        entity=found.read("entity", Value.text, "", ""),
        event_id=event_id,
        event_time=found.read("event_time", Value.text, "", ""),
        description=found.read("description", Value.text, "", ""),
        owner=found.read("owner", Value.text, "", ""),
        target=target,
        features=found.read("features", read_features, (), ()),
        expectations=rules,
        unique=found.read("unique", lambda value: _unique(value, rules, event_id), True, True),
        normalise=found.read("normalise", read_normalise, {}, {}),
        privacy=found.read("privacy", read_privacy, {}, {}),
        training=found.read("training", lambda value: read_training(value, target), training, training),
        release=found.read("release", read_release, Release(), Release()),
        drift=drift,
        retrain=retrain,
        events=found.read("source", read_source, None, None),
        rows_kept=found.read("retention", lambda value: read_retention(value, needed), None, None),
        source=Source(root.file, _positions(found.entries)),
    )


def _expectations(value: Value) -> tuple[ExpectationSpec, ...]:
    return tuple(item.read(read_expectation, NO_RULE) for item in value.items())


def _model_name(value: Value) -> str:
    name = value.text()
    if not is_model_name(name):
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
    places |= {f"features.{key}": child for key, child in _children(found.get("features")).items()}
    target = _children(found.get("target"))
    if "label" in target:
        places["target.label"] = target["label"]
    for section in (found.get("source"), target.get("source")):
        places |= {child.path: child for child in _children(_children(section).get("fields")).values()}
    rules = found["expectations"].read(Value.items, []) if "expectations" in found else []
    places |= {f"{item.path}.column": _subject(item) for item in rules}
    for name in ("normalise", "privacy"):
        places |= {child.path: child for child in _children(found.get(name)).values()}
    return {key: _position(child, at_key=key.startswith(NAMED_BY_KEY)) for key, child in places.items()}


def _children(value: Value | None) -> dict[str, Value]:
    return value.entries() if value is not None and value.is_mapping else {}


def _subject(item: Value) -> Value:
    """The argument of an expectation that names its fields."""
    body = next(iter(_children(item).values()), item)
    named = _children(body)
    return next((named[key] for key in SUBJECTS if key in named), body)


def _position(value: Value, at_key: bool) -> tuple[int, int]:
    error: ModelFileError = value.error("", at_key=at_key)
    return error.line, error.column
