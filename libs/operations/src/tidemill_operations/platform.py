"""Finds the platform that a command talks to, and opens what the command needs of it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill_operations.errors import WrongUse

if TYPE_CHECKING:
    from tidemill.codec import Codec
    from tidemill.contracts.model_file import ModelSpec
    from tidemill.contracts.schemas.catalog import SchemaCatalog
    from tidemill.contracts.topics import TopicCatalog
    from tidemill.settings import CommonSettings
    from tidemill.sources import SourceReader

PLATFORM_FILE = Path("var/run/platform.json")


@dataclass
class PlatformView:
    """A platform seen from outside: its settings and, where it runs here, what `platform.json` says of its
    processes.

    Everything is opened on first use; nothing connects before.
    """

    settings: CommonSettings
    facts: dict[str, Any]

    @cached_property
    def models(self) -> dict[str, ModelSpec]:
        """The model files by name."""
        from tidemill.contracts.usable import usable_models

        found, refused = usable_models(self.settings.models_dir, self.settings.schemas, self.settings.models)
        for error in refused:
            print(f"a model is refused, the others work: {error}", file=sys.stderr)
        return found

    def go_without_models(self) -> None:
        """Where no model file is right, there are none from here on: for a command that has more to say."""
        from tidemill.errors import ConfigError

        try:
            _ = self.models
        except ConfigError:
            self.models = {}

    @cached_property
    def topics(self) -> TopicCatalog:
        """The contract's topics, with this platform's prefix."""
        from tidemill.contracts.topics import TopicCatalog

        return TopicCatalog.load(self.settings.schemas, self.settings.prefix, self.models)

    @cached_property
    def schemas(self) -> SchemaCatalog:
        """The schemas of the platform's events and of the models."""
        from tidemill.contracts.schemas.catalog import SchemaCatalog

        return SchemaCatalog.load(self.settings.schemas, self.models)

    @cached_property
    def codec(self) -> Codec:
        """Reads and writes values on the topics, for one thread."""
        return self.new_codec()

    def new_codec(self) -> Codec:
        """Another codec, for another thread."""
        from tidemill.codec import Codec, open_registry

        return Codec(self.schemas, open_registry(self.settings))

    def source_reader(self, role: str, model: str) -> SourceReader:
        """Reads the topic of someone else's that stands in a model's role (raw, labels_raw)."""
        from tidemill.codec import open_registry
        from tidemill.sources import open_source

        registry = open_registry(self.settings)
        reader = open_source(self.models[model], role, self.schemas, self.settings.schemas, registry)
        assert reader is not None, f"{role} of {model} is the platform's own"
        return reader

    def model(self, name: str | None) -> ModelSpec:
        """The model called `name`, or the only one there is. Raises WrongUse with the names to choose from."""
        known = ", ".join(sorted(self.models))
        if name is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        if name is None:
            raise WrongUse(f"which model? say --model NAME; there are {known or 'none'}")
        if name not in self.models:
            raise WrongUse(f"there is no model {name!r}; there are {known or 'none'}")
        return self.models[name]


def find_platform(bootstrap: str | None = None, *, needed: bool = True) -> PlatformView:
    """The platform named by `bootstrap`, else by TIDEMILL_* settings, else the one that runs here by its
    platform file.

    Settings given explicitly win over the file. Raises WrongUse where there is none of the three and one is
    `needed`; a command that only reads schemas and models needs none.
    """
    from pydantic import ValidationError

    from tidemill.service.run import describe
    from tidemill.settings import CommonSettings

    facts = _running_here()
    named = bootstrap or os.environ.get("TIDEMILL_KAFKA_BOOTSTRAP")
    if needed and not named and not facts and not os.environ.get("TIDEMILL_KAFKA_PROPERTIES"):
        raise WrongUse(
            "no platform found: start one with `tidemill up`, or name one with --bootstrap HOST:PORT "
            "(or TIDEMILL_KAFKA_BOOTSTRAP)"
        )
    if named and facts and facts.get("settings", {}).get("TIDEMILL_KAFKA_BOOTSTRAP") != named:
        facts = {}
    given = {"kafka_bootstrap": named} if named else {}
    try:
        return PlatformView(CommonSettings(**{**_settings(facts, keep_environment=True), **given}), facts)
    except ValidationError as error:
        raise WrongUse(describe(error)) from None


def view_of(facts: dict[str, Any]) -> PlatformView:
    """A platform by its facts (the content of `platform.json`) alone."""
    from tidemill.settings import CommonSettings

    return PlatformView(CommonSettings(**_settings(facts, keep_environment=False)), facts)


def _running_here() -> dict[str, Any]:
    path = Path(os.environ.get("TIDEMILL_RUN_FILE", PLATFORM_FILE))
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, json.JSONDecodeError) as error:
        raise WrongUse(f"{path} cannot be read ({error}): remove it or start `tidemill up` again") from error
    assert isinstance(facts, dict)
    return facts


def _settings(facts: dict[str, Any], keep_environment: bool) -> dict[str, Any]:
    """The settings in a platform's facts by field; with `keep_environment`, those that the environment sets
    are left to it.
    """
    from tidemill.settings import CommonSettings

    named = {
        name: value
        for name, value in facts.get("settings", {}).items()
        if not (keep_environment and name in os.environ)
    }
    fields = {name.removeprefix("TIDEMILL_").lower(): value for name, value in named.items()}
    return {name: value for name, value in fields.items() if name in CommonSettings.model_fields}
