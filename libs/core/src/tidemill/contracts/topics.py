"""Topics by role, read from `schemas/topics.yaml`: the only way to a topic's name, a group's or a
transactional id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tidemill.contracts.quantities import parse_duration
from tidemill.contracts.shipped import TOPICS_FILE, platform_folder
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

MODEL_PLACE = "{model}"
CLEANUPS = ("delete", "compact")
LONGEST_NAME = 249  # Kafka's limit
PREFIX = re.compile(r"[A-Za-z0-9._-]*")
_REQUIRED = (
    "name",
    "description",
    "owner",
    "producers",
    "consumers",
    "key",
    "schema",
    "partitions",
    "retention",
    "cleanup",
)
_OPTIONAL = ("dead_letters", "config")


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One row of `topics.yaml`.

    `pattern` is the name without prefix, perhaps with `{model}`; `schema` None where values are bytes as they came;
    `partitions` None where the number is the model's (a setting); `retention` None for ever; `config` is complete, as
    Kafka's `create_topics` wants it (retention, clean-up and message limits included).
    """

    role: str
    pattern: str
    description: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    key: str
    schema: str | None
    partitions: int | None
    retention: timedelta | None
    cleanup: str
    dead_letters: str | None
    config: Mapping[str, str] = field(hash=False)

    @property
    def per_model(self) -> bool:
        """True where every model has a topic of its own in this role."""
        return MODEL_PLACE in self.pattern


class TopicCatalog:
    """All topics, and the one place that adds the prefix to topics, consumer groups and transactional ids.

    Where a model file names a source, its topic stands in the role of the model's raw topic: it is someone else's, has
    no prefix and is never created. A catalog that was loaded without the model files knows nothing of them.
    """

    def __init__(
        self, specs: Iterable[TopicSpec], prefix: str = "", external: Mapping[tuple[str, str], str] | None = None
    ) -> None:
        """`external`: full names of topics of someone else's by (role, model)."""
        self._specs = {spec.role: spec for spec in specs}
        self._external = dict(external or {})
        self.prefix = prefix

    @classmethod
    def load(cls, schemas_dir: Path, prefix: str = "", models: Mapping[str, ModelSpec] | None = None) -> TopicCatalog:
        """Reads `topics.yaml` in `schemas_dir`, or this installation's where it has none.

        `models`: the model files, for their sources.

        Raises ConfigError, with the topic and the key, where it is not right.
        """
        if not PREFIX.fullmatch(prefix):
            raise ConfigError(f"the prefix {prefix!r} may hold letters, digits, '.', '_' and '-' only")
        path = platform_folder(schemas_dir) / TOPICS_FILE
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"cannot read the topics in {path}: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("topics"), dict):
            raise ConfigError(f"{path}: `topics:` with one entry for each role is missing")
        defaults = (document.get("defaults") or {}).get("config") or {}
        specs = [_spec(role, row, defaults) for role, row in document["topics"].items()]
        catalog = cls(specs, prefix, _external(specs, models or {}))
        catalog._check_dead_letters()
        catalog._check_external()
        return catalog

    @property
    def specs(self) -> tuple[TopicSpec, ...]:
        """All topics in the order of the file."""
        return tuple(self._specs.values())

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles in the order of the file."""
        return tuple(self._specs)

    def spec(self, role: str) -> TopicSpec:
        """The topic in this role. Raises ConfigError for a role that is not in the file."""
        if role not in self._specs:
            raise ConfigError(f"unknown topic role {role!r}: known are {', '.join(self._specs)}")
        return self._specs[role]

    def name(self, role: str, model: str | None = None) -> str:
        """The topic's full name, prefix included. Raises ConfigError where a model is missing or too much."""
        spec = self.spec(role)
        if spec.per_model != (model is not None):
            need = (
                "one topic for each model: name the model" if spec.per_model else "one topic for all models: name none"
            )
            raise ConfigError(f"{role!r} has {need}")
        if model is not None and (role, model) in self._external:
            return self._external[role, model]
        full = self.prefix + (spec.pattern.replace(MODEL_PLACE, model) if model is not None else spec.pattern)
        if len(full) > LONGEST_NAME:
            raise ConfigError(f"the topic name {full!r} is longer than Kafka's {LONGEST_NAME} characters")
        return full

    def is_external(self, role: str, model: str | None) -> bool:
        """Whether the topic in this role is someone else's: read, never created, written only on request."""
        return model is not None and (role, model) in self._external

    def external_topics(self, model: str) -> dict[str, str]:
        """Role to full name of every topic of someone else's that a model reads."""
        return {role: name for (role, of), name in self._external.items() if of == model}

    def model_topics(self, model: str) -> dict[str, str]:
        """Role to full name of every topic of a model, those of someone else's that it reads included."""
        return {spec.role: self.name(spec.role, model) for spec in self.specs if spec.per_model}

    def platform_topics(self) -> dict[str, str]:
        """Role to full name of every topic that all models share."""
        return {spec.role: self.name(spec.role) for spec in self.specs if not spec.per_model}

    def all_topics(self, models: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """Full name to (role, model or None) of every topic that a platform with `models` has of its own.

        Raises ConfigError where two of them would have one name (`a-labels` beside `a`, say).
        """
        found: dict[str, tuple[str, str | None]] = {name: (role, None) for role, name in self.platform_topics().items()}
        for model in models:
            for role, name in self.model_topics(model).items():
                if self.is_external(role, model):
                    continue
                if name in found:
                    other = f"{found[name][0]} of {found[name][1] or 'the platform'}"
                    raise ConfigError(f"topic {name!r} would be both {role} of {model} and {other}: rename the model")
                found[name] = (role, model)
        return found

    def dlq_of(self, role: str) -> str:
        """The role to which this role's bad records go. Raises ConfigError where it has none."""
        dead_letters = self.spec(role).dead_letters
        if dead_letters is None:
            raise ConfigError(f"{role!r} has no dead-letter topic")
        return dead_letters

    def group(self, name: str) -> str:
        """The consumer group's full name."""
        return self.prefix + name

    def transactional_id(self, name: str) -> str:
        """The full transactional id. It must be stable over restarts of the process that owns it."""
        return self.prefix + name

    def _check_dead_letters(self) -> None:
        for spec in self.specs:
            if spec.dead_letters is not None and self.spec(spec.dead_letters).pattern != f"{spec.pattern}-dlq":
                raise ConfigError(f"topics.yaml: dead letters of {spec.role!r} must go to {spec.pattern}-dlq")

    def _check_external(self) -> None:
        for (role, model), name in self._external.items():
            if name in [own for other, own in self.model_topics(model).items() if other != role]:
                raise ConfigError(f"model {model!r}: its source {name!r} for {role} is another topic of the same model")


def _external(specs: Iterable[TopicSpec], models: Mapping[str, ModelSpec]) -> dict[tuple[str, str], str]:
    found = {}
    for spec in specs:
        for name, model in models.items():
            source = model.external(spec.role) if spec.per_model else None
            if source is not None:
                found[spec.role, name] = source.topic
    return found


def _spec(role: str, row: Mapping[str, Any], defaults: Mapping[str, Any]) -> TopicSpec:
    if not isinstance(row, dict):
        raise ConfigError(f"topics.yaml: {role!r} is not a mapping")
    _check_keys(role, row)
    retention = None if row["retention"] == "forever" else _retention(role, row["retention"])
    return TopicSpec(
        role=role,
        pattern=row["name"],
        description=row["description"],
        owner=row["owner"],
        producers=tuple(row["producers"]),
        consumers=tuple(row["consumers"]),
        key=row["key"],
        schema=None if row["schema"] == "none" else row["schema"],
        partitions=None if row["partitions"] == "model" else int(row["partitions"]),
        retention=retention,
        cleanup=row["cleanup"],
        dead_letters=row.get("dead_letters"),
        config=_config(row, retention, defaults),
    )


def _check_keys(role: str, row: Mapping[str, Any]) -> None:
    missing = [key for key in _REQUIRED if key not in row]
    unknown = [key for key in row if key not in (*_REQUIRED, *_OPTIONAL)]
    if missing or unknown:
        raise ConfigError(f"topics.yaml: {role!r} has missing keys {missing} and unknown keys {unknown}")
    if row["cleanup"] not in CLEANUPS:
        raise ConfigError(f"topics.yaml: cleanup of {role!r} is {row['cleanup']!r}: it must be one of {CLEANUPS}")
    if row["partitions"] != "model" and (type(row["partitions"]) is not int or row["partitions"] < 1):
        raise ConfigError(f"topics.yaml: partitions of {role!r} must be `model` or a number of at least 1")
    for key in ("name", "description", "owner", "key", "schema"):
        if not isinstance(row[key], str) or not row[key]:
            raise ConfigError(f"topics.yaml: {key} of {role!r} must be text")
    for key in ("producers", "consumers"):
        if not isinstance(row[key], list):
            raise ConfigError(f"topics.yaml: {key} of {role!r} must be a list")
    if not isinstance(row.get("config") or {}, dict):
        raise ConfigError(f"topics.yaml: config of {role!r} must be a mapping")


def _retention(role: str, text: Any) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"topics.yaml: retention of {role!r}: {error}") from error


def _config(row: Mapping[str, Any], retention: timedelta | None, defaults: Mapping[str, Any]) -> dict[str, str]:
    milliseconds = -1 if retention is None else retention // timedelta(milliseconds=1)
    settings = {
        "cleanup.policy": row["cleanup"],
        "retention.ms": milliseconds,
        **defaults,
        **(row.get("config") or {}),
    }
    return {key: str(value) for key, value in sorted(settings.items())}
