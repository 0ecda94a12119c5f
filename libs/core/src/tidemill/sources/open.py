"""From a model file's source to the reader of its topic."""

from __future__ import annotations

from pathlib import Path

from tidemill.codec.registry.client import Registry
from tidemill.contracts.model_file import ExternalSource, ModelSpec
from tidemill.contracts.schemas.catalog import MODELS_FOLDER, Schema, SchemaCatalog, read_schema
from tidemill.errors import ConfigError
from tidemill.sources.part import Format
from tidemill.sources.reader import SourceReader


def open_source(
    spec: ModelSpec, role: str, schemas: SchemaCatalog, schemas_dir: Path, registry: Registry | None
) -> SourceReader | None:
    """The reader of a model's raw topic (role raw or labels_raw), None where the topic is the platform's own.

    Raises ConfigError where the producers' schema cannot be read.
    """
    source = spec.external(role)
    if source is None:
        return None
    schema = schemas.for_topic(role, spec.name)
    form = open_format(source, schemas_dir, registry)
    if role == "raw":
        return SourceReader(
            source, schema, form, event_id=spec.event_id, event_time=spec.event_time, entity=spec.entity
        )
    return SourceReader(source, schema, form, event_id="event_id", event_time="event_time", entity=None)


def open_format(source: ExternalSource, schemas_dir: Path, registry: Registry | None) -> Format:
    """The format of a source. Libraries are imported only for the format that is there."""
    path = schemas_dir / MODELS_FOLDER / source.schema if source.schema else None
    if source.format == "json":
        from tidemill.sources.formats.json_text import JsonText

        return JsonText()
    if source.format == "json-schema":
        from tidemill.sources.formats.json_schema import JsonSchema

        return JsonSchema(registry)
    if source.format == "protobuf":
        return _protobuf(source, path, registry)
    from tidemill.sources.formats.avro import ForeignAvro

    own: list[Schema] = [read_schema(path)] if path else []
    avro = ForeignAvro(registry, own)
    if source.format == "avro":
        return avro
    from tidemill.sources.formats.debezium import Debezium
    from tidemill.sources.formats.json_schema import JsonSchema

    return Debezium(avro, JsonSchema(registry))


def _protobuf(source: ExternalSource, path: Path | None, registry: Registry | None) -> Format:
    try:
        from tidemill.sources.formats.proto_schema import SchemaProblem, from_file
        from tidemill.sources.formats.protobuf import Protobuf
    except ImportError as error:
        raise ConfigError(f"Protobuf sources need the extra `tidemill-core[protobuf]`: {error}") from error
    own = from_file(path) if path else None
    try:
        if own is not None:
            own.message(source.message)
    except SchemaProblem as error:
        raise ConfigError(f"{path}: {error}") from error
    return Protobuf(None if own else registry, own, source.message)
