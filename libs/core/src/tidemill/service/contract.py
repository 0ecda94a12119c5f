"""The contract as one process serves it: models, topics and schemas, as they were when it was read."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from tidemill.codec import Codec, open_registry
from tidemill.contracts.model_file import ModelSpec
from tidemill.contracts.schemas.catalog import SchemaCatalog
from tidemill.contracts.topics import TopicCatalog
from tidemill.contracts.usable import usable_models
from tidemill.service.renewal.files import digest_of
from tidemill.settings import CommonSettings

__all__ = ["Contract"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contract:
    """`models`: those that can be served, by name; `mistakes`: what is wrong with the others, with places. `digest`: of
    the files that it was read from.
    """

    settings: CommonSettings
    models: dict[str, ModelSpec]
    topics: TopicCatalog
    schemas: SchemaCatalog
    mistakes: tuple[str, ...] = ()
    digest: str = ""

    @classmethod
    def load(cls, settings: CommonSettings, *, logged: bool = True) -> Contract:
        """Read what the settings name. `logged`: what is wrong with a model is an ERROR line. Raises ConfigError."""
        digest = digest_of(settings.models_dir, settings.schemas)
        models, refused = usable_models(settings.models_dir, settings.schemas, settings.models)
        for error in refused if logged else ():
            _log.error("a model is refused, the others are served: %s", error)
        topics = TopicCatalog.load(settings.schemas, settings.prefix, models)
        schemas = SchemaCatalog.load(settings.schemas, models)
        return cls(settings, models, topics, schemas, tuple(str(error) for error in refused), digest)

    def codec(self) -> Codec:
        """A codec over a registry client of its own: each thread needs one. Nothing connects. Raises ConfigError."""
        return Codec(self.schemas, open_registry(self.settings))
