"""Avro schemas by name and by fingerprint: what a topic holds, and which schema some bytes were written with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    parse_schema,
    to_parsing_canonical_form,
)

from tidemill.contracts.record_check import check_against_record
from tidemill.contracts.schemas import faults
from tidemill.contracts.schemas.limits import too_large
from tidemill.contracts.shipped import platform_folder
from tidemill.contracts.topics import TopicCatalog
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

T = TypeVar("T")

MODELS_FOLDER = "models"
HISTORY_FOLDER = "history"
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Schema:
    """One Avro schema. Compares and hashes by name and text, so it can be a cache key.

    `name` is the file's stem (`model-version`, `flight-delay`); `json` the schema as read; `text` the same as compact
    JSON with logical types and defaults kept (what a registry or an Avro library wants); `parsed` fastavro's form of
    it; `fingerprint` the 8 bytes that follow `C3 01` in single-object encoding: CRC-64-AVRO of the Parsing Canonical
    Form, little endian (Avro specification, "Schema Fingerprints").

    The canonical form drops docs, aliases, defaults and logical types: schemas that differ in nothing else
    share a fingerprint. For documentation, aliases and defaults that is harmless: resolution takes them
    from the reader's schema only. A logical type is not harmless (a long that turns from milliseconds into
    microseconds keeps its fingerprint and changes its meaning), so `tidemill.contracts.schemas.history` refuses
    such a change: use a new field. Schemas with one fingerprint are therefore interchangeable as
    *writer's* schema, and `SchemaCatalog.writer` may return any of them.
    """

    name: str
    text: str
    fingerprint: bytes
    json: dict[str, Any] = field(compare=False, repr=False)
    parsed: dict[str, Any] = field(compare=False, repr=False)

    @property
    def full_name(self) -> str:
        """The record's Avro full name, such as `dev.tidemill.ModelVersion`."""
        return str(self.parsed["name"])

    @property
    def fields(self) -> list[dict[str, Any]]:
        """The record's fields in order, each as in the parsed schema (`name`, `type`, perhaps `default`,
        `doc`).
        """
        return list(self.parsed["fields"])

    @property
    def field_names(self) -> list[str]:
        """The names of the record's fields in order."""
        return [str(f["name"]) for f in self.parsed["fields"]]


def make_schema(name: str, document: Mapping[str, Any]) -> Schema:
    """The `Schema` of a record in Avro's JSON form.

    Raises ConfigError where it is not a valid record schema.
    """
    plain: dict[str, Any] = dict(document)
    large = too_large(plain)
    if large is not None:
        raise ConfigError(f"schema {name!r} is too large: {large}")
    try:
        parsed = parse_schema(plain)
        canonical = to_parsing_canonical_form(parsed)
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"schema {name!r} is not valid Avro: {faults.told(error)}") from error
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise ConfigError(f"schema {name!r} is not a record")
    _check_field_names(name, plain)
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    crc = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    return Schema(name=name, text=text, fingerprint=crc, json=plain, parsed=parsed)


def _check_field_names(name: str, document: dict[str, Any]) -> None:
    fields = document.get("fields")
    if not isinstance(fields, list) or not fields:
        raise ConfigError(f"schema {name!r} has no fields")
    names = [field["name"] for field in fields]
    wrong = [field for field in names if not FIELD_NAME.fullmatch(field) or names.count(field) > 1]
    if wrong:
        raise ConfigError(f"schema {name!r} has field names that are not valid or stand twice: {wrong}")


def read_schema(path: Path, name: str | None = None) -> Schema:
    """Reads one `.avsc`.

    Its name is the file's stem. Raises ConfigError with the path where it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except (OSError, ValueError) as error:  # not UTF-8, a name that no file has, a number of thousands of digits
        raise ConfigError(f"cannot read the schema {path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not JSON that can be read: it is nested too deeply") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: an .avsc of Tidemill is one record, not a {type(document).__name__}")
    try:
        return make_schema(name or path.stem, document)
    except ConfigError as error:
        found = faults.place(error.__cause__, text) if isinstance(error.__cause__, Exception) else None
        where = ":".join(map(str, (path, *(found or ()))))
        raise ConfigError(f"{where}: {error}") from error


def read_platform_history(schemas_dir: Path) -> list[Schema]:
    """All schemas of the platform's events so far, `history/<name>/<fingerprint>.avsc`: releases and versions are kept
    for ever, and must be read by later programs. They stand where the events themselves do (`platform_folder`).
    """
    folder = platform_folder(schemas_dir) / HISTORY_FOLDER
    return [read_schema(path, name=path.parent.name) for path in sorted(folder.glob("*/*.avsc"))]


def read_history(schemas_dir: Path, model: str) -> list[Schema]:
    """All record schemas that `model` has ever had, in the order of their fingerprints; none where nothing is
    recorded.
    """
    return [read_schema(path, name=model) for path in history_files(schemas_dir, model).values()]


def history_files(schemas_dir: Path, model: str) -> dict[str, Path]:
    """The files of all record schemas that `model` has ever had, by fingerprint in hex, in that order:
    `history/<model>/<fingerprint>.avsc` or, where there can be no folders (a ConfigMap has none),
    `history.<model>.<fingerprint>.avsc`.
    """
    folder = schemas_dir / MODELS_FOLDER
    prefix = f"{HISTORY_FOLDER}.{model}."
    flat = {path.stem.removeprefix(prefix): path for path in folder.glob(f"{prefix}*.avsc")}
    nested = {path.stem: path for path in (folder / HISTORY_FOLDER / model).glob("*.avsc")}
    return dict(sorted((flat | nested).items()))


class SchemaCatalog:
    """Every schema that the platform reads or writes for a set of models.

    A topic's schema is named in `topics.yaml`; `record`, `label` and `prediction` there stand for the model's own
    record and for the label and prediction of its task. Immutable after loading, but for `coming` and for writers
    that are added; safe to share between threads.
    """

    def __init__(
        self, platform: Iterable[Schema], records: Mapping[str, Schema], tasks: Mapping[str, str],
        topics: TopicCatalog, history: Iterable[Schema] = (),
    ) -> None:  # fmt: skip
        self._platform = {schema.name: schema for schema in platform}
        self._records = dict(records)
        self._tasks = dict(tasks)
        self._topics = topics
        self._writers = {schema.fingerprint: schema for schema in history}
        self._writers.update({schema.fingerprint: schema for schema in self})
        self.coming: Callable[[], bool] = lambda: False
        """Whether another catalog is about to take this one's place, in which a schema may be that is unknown here."""

    @classmethod
    def load(cls, schemas_dir: Path, models: Mapping[str, ModelSpec]) -> SchemaCatalog:
        """Reads `schemas_dir`: record and history of each of `models`, and the platform's schemas, where they are
        there; else those of this installation (`platform_folder`).

        Raises ConfigError where a file is missing or wrong, ModelFileError where a model file does not fit
        its record.
        """
        platform = [read_schema(path) for path in sorted(platform_folder(schemas_dir).glob("*.avsc"))]
        folder = schemas_dir / MODELS_FOLDER
        records = {name: read_schema(folder / spec.schema_file, name=name) for name, spec in models.items()}
        for name, spec in models.items():
            check_against_record(spec, records[name])
        history = [schema for name in models for schema in read_history(schemas_dir, name)]
        history += read_platform_history(schemas_dir)
        tasks = {name: spec.target.task for name, spec in models.items()}
        return cls(platform, records, tasks, TopicCatalog.load(schemas_dir, models=models), history)

    def __iter__(self) -> Iterator[Schema]:
        """The current schemas: the platform's, then the models' records."""
        yield from self._platform.values()
        yield from self._records.values()

    def platform(self, name: str) -> Schema:
        """The schema of a platform event by file stem, such as `model-version`.

        Raises ConfigError where unknown.
        """
        return self._find(self._platform, name, "platform schema")

    def record(self, model: str) -> Schema:
        """The model's own record, as on its raw and clean topics.

        Raises ConfigError for a model that was not loaded.
        """
        return self._find(self._records, model, "model")

    def label(self, model: str) -> Schema:
        """The label record of the model's task: `label` is boolean, string (multiclass) or double (regression)."""
        return self.platform(f"label-{self._find(self._tasks, model, 'model')}")

    def prediction(self, model: str) -> Schema:
        """The prediction record of the model's task."""
        return self.platform(f"prediction-{self._find(self._tasks, model, 'model')}")

    def for_topic(self, role: str, model: str | None = None) -> Schema:
        """The schema of the values on a topic.

        Raises ConfigError for a topic whose values have none (dead letters).
        """
        kind = self._topics.spec(role).schema
        if kind is None:
            raise ConfigError(f"values on {role!r} have no schema of their own: they are bytes as they came")
        per_model = {"record": self.record, "label": self.label, "prediction": self.prediction}
        if kind not in per_model:
            return self.platform(kind)
        if model is None:
            raise ConfigError(f"the schema of {role!r} depends on the model: name one")
        return per_model[kind](model)

    def writer(self, fingerprint: bytes) -> Schema | None:
        """The schema that bytes with this fingerprint were written with, current or from history; None where
        unknown.
        """
        return self._writers.get(fingerprint)

    def share_writers(self, other: SchemaCatalog) -> None:
        """From now on both know the same writers' schemas, and so do all with which they share them already: one that
        takes another's place, and those who still work by the other.
        """
        self._writers.update(other._writers)
        other._writers = self._writers

    @staticmethod
    def _find(known: Mapping[str, T], name: str, what: str) -> T:
        if name not in known:
            raise ConfigError(f"unknown {what} {name!r}: known are {', '.join(sorted(known)) or 'none'}")
        return known[name]
