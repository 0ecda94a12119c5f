"""All that can be wrong in a project before anything runs: settings, model files, records, history, topics."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidemill.config_file import CLIENT, config_path, put_into, read_config
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.model_file.errors import refusing_defects
from tidemill.contracts.model_file.load import load_draft, model_files
from tidemill.contracts.model_file.yaml.suggestions import near
from tidemill.contracts.record_check import mistakes_against_record
from tidemill.contracts.schemas.catalog import MODELS_FOLDER, SchemaCatalog, history_files, read_schema
from tidemill.contracts.schemas.history import UNRECORDED, check_history
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError
from tidemill.kafka.pass_through import ClientSettings
from tidemill.kafka.pass_through.librdkafka import librdkafka_config
from tidemill.setting_names import SETTING_NAMES
from tidemill.settings import CommonSettings
from tidemill_expectations import event_suite, label_suite
from tidemill_operations.platform import find_platform
from tidemill_operations.project.problems import Problem, problems_of
from tidemill_operations.project.settings_classes import refusals, settings_classes

RECORD: Final = "tidemill check --record"


@dataclass(frozen=True, slots=True)
class Found:
    """`models`: those whose files are right; `settings`: None where they are wrong."""

    models: list[str]
    problems: list[Problem]
    settings: CommonSettings | None


def check_project(*, recording: bool = False) -> Found:
    """Everything that is wrong, in the order of the files. `recording`: what is only not in its history yet is about
    to be, and so is right.
    """
    problems: list[Problem] = []
    try:
        path = config_path()
        stated, mistakes = read_config(path) if path is not None else ({}, [])
        problems += [Problem(str(one.file), one.line, one.column, one.message) for one in mistakes]
        put_into(os.environ, stated)
        settings = find_platform(needed=False).settings
    except ConfigError as error:
        models, wrong = _models(Path("models"), Path("schemas"), recording=recording)
        return Found(sorted(models), [*problems, *(_settings_problems() or [_placed(str(error))]), *wrong], None)
    models, wrong = _models(settings.models_dir, settings.schemas, recording=recording)
    problems += wrong
    problems += [*_settings_problems(), *_client_problems(settings.kafka_client), *_together(settings, models)]
    return Found(sorted(models), list(dict.fromkeys(problems)), settings)


def check_models(models_dir: Path, schemas: Path) -> Found:
    """The same for model files, records and history alone, as a start wants them."""
    models, problems = _models(models_dir, schemas, recording=True)
    return Found(sorted(models), problems, None)


def _settings_problems() -> list[Problem]:
    """Values that one of the services would refuse, each at its line in tidemill.yaml where it stands there."""
    told = dict.fromkeys(text for cls in settings_classes() for text in refusals(cls))
    return [_placed(text) for text in told]


def _client_problems(client: ClientSettings) -> list[Problem]:
    """What Kafka's client does not know or take, one after the other until it takes the rest."""
    found: list[Problem] = []
    values = dict(client.values)
    while values:
        try:
            librdkafka_config(ClientSettings(values))
        except ConfigError as error:
            named = next((name for name in re.findall(r'"([^"]+)"', str(error)) if name in values), None)
            key = "" if named is None else _client_key(named)
            found.append(_at_its_line(key, ": ".join(filter(None, (str(error), near(key, SETTING_NAMES))))))
            if named is None:
                break
            del values[named]
        else:
            break
    return found


def _placed(text: str) -> Problem:
    """A refusal that begins with the name of a setting: its variable's, or as Kafka's client calls it."""
    name = re.split(r"[:\s]", text, maxsplit=1)[0]
    client = name[:1].islower() and "." in name
    return _at_its_line(_client_key(name) if client else name.removeprefix("TIDEMILL_").lower(), text)


def _client_key(name: str) -> str:
    return f"{CLIENT}{name.replace('.', '_')}"


def _at_its_line(key: str, text: str) -> Problem:
    """What is wrong with a setting, at its line in tidemill.yaml where it stands there."""
    path = config_path()
    lines = path.read_text(encoding="utf-8").splitlines() if path is not None else []
    line = next((number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 0)
    return Problem(str(path) if line else "", line, 1 if line else 0, text)


def _models(models_dir: Path, schemas: Path, *, recording: bool) -> tuple[dict[str, ModelSpec], list[Problem]]:
    found: dict[str, ModelSpec] = {}
    problems: list[Problem] = []
    try:
        files = model_files(models_dir)
    except ConfigError as error:
        return {}, [*problems_of(ConfigError(f"{error}: `tidemill models new --from FILE` writes one"))]
    for path in files:
        spec, wrong = _model(path, schemas, recording=recording)
        problems += wrong
        if spec is not None and spec.name in found:
            other = found[spec.name].source
            problems.append(Problem(str(path), 1, 1, f"model {spec.name!r} stands in {other and other.file} too"))
        elif spec is not None:
            found[spec.name] = spec
    return found, problems


def _model(path: Path, schemas: Path, *, recording: bool) -> tuple[ModelSpec | None, list[Problem]]:
    """The model, where its file and its record are right, and what is wrong with it and its history."""
    try:
        draft = load_draft(path)
    except ConfigError as error:
        return None, list(problems_of(error, str(path)))
    problems = [problem for mistake in draft.mistakes for problem in problems_of(mistake)]
    spec = draft.spec
    if spec is None or not spec.schema_file:
        return None, problems
    try:
        with refusing_defects(path):
            record = read_schema(schemas / MODELS_FOLDER / spec.schema_file, name=spec.name or spec.schema_file)
            problems += [p for mistake in mistakes_against_record(spec, record) for p in problems_of(mistake)]
        problems += _history(spec, schemas, recording=recording)
        if not problems:
            event_suite(spec)
            label_suite(spec)
    except ConfigError as error:
        problems += problems_of(error, str(path))
    return (None if problems else spec), problems


def _history(spec: ModelSpec, schemas: Path, *, recording: bool) -> Iterator[Problem]:
    """What binds the record, and does not fit; a model without any history gets its first with the first record."""
    if not spec.name:
        return
    file = schemas / MODELS_FOLDER / spec.schema_file
    recording |= not history_files(schemas, spec.name)
    for text in check_history(schemas, {spec.name: spec}):
        if not (recording and UNRECORDED in text):
            yield Problem(str(file), 1, 1, text.replace("python -m tidemill.contracts.schemas.history", RECORD))


def _together(settings: CommonSettings, models: dict[str, ModelSpec]) -> list[Problem]:
    """What the models have in common: the platform's own schemas, and topics of which no two are the same."""
    try:
        topics = TopicCatalog.load(settings.schemas, settings.prefix, models)
        topics.all_topics(models)
        SchemaCatalog.load(settings.schemas, models)
    except ConfigError as error:
        return list(problems_of(error))
    missing = [name for name in settings.models if name not in models]
    if missing:
        known = ", ".join(sorted(models)) or "none"
        return [Problem("", 0, 0, f"TIDEMILL_MODELS names {', '.join(missing)}: models that are right are {known}")]
    return []
