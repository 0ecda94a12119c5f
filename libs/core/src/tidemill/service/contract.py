"""The contract as one process serves it: models, topics and schemas, read once at its start."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.codec import Codec, open_registry
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.contracts.usable import serve_usable
from tidemill.settings import CommonSettings

__all__ = ["Contract"]


@dataclass(frozen=True, slots=True)
class Contract:
    """`models`: those that can be served, by name; what is wrong with the others is logged."""

    settings: CommonSettings
    models: dict[str, ModelSpec]
    topics: TopicCatalog
    schemas: SchemaCatalog

    @classmethod
    def load(cls, settings: CommonSettings) -> Contract:
        """Read what the settings name. Raises ConfigError."""
        models = serve_usable(settings.models_dir, settings.schemas, settings.models)
        topics = TopicCatalog.load(settings.schemas, settings.prefix, models)
        return cls(settings, models, topics, SchemaCatalog.load(settings.schemas, models))

    def codec(self) -> Codec:
        """A codec over a registry client of its own: each thread needs one. Nothing connects. Raises ConfigError."""
        return Codec(self.schemas, open_registry(self.settings))
