"""Schemas by number: what a schema registry is asked, and how one is opened from settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tidemill.codec.registry.http import HttpRegistry
    from tidemill.settings import CommonSettings

__all__ = ["Entry", "Registry", "open_registry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A schema as a registry keeps it. `kind`: AVRO, JSON or PROTOBUF. `references`: (name by which the text imports
    it, subject, version).
    """

    kind: str
    text: str
    references: tuple[tuple[str, str, int], ...] = ()


class Registry(Protocol):
    """Where schema ids are looked up and given out. What is found never changes and may be kept for ever; that there
    is no such id may change any time.
    """

    def register(self, subject: str, text: str) -> int:
        """The id of an Avro schema under a subject, given out where it has none. Raises RetryLater while it is away,
        refuses the credentials, or refuses the schema: all three may pass without a restart.
        """

    def entry(self, schema_id: int) -> Entry | None:
        """The schema of any kind under an id; None where the registry says that there is none. Raises RetryLater."""

    def version(self, subject: str, version: int) -> Entry | None:
        """The schema of any kind under a subject's version; None where there is none. Raises RetryLater."""


def open_registry(settings: CommonSettings) -> HttpRegistry | None:
    """The registry of the settings; None where none is configured, and then its client is not even imported.

    Raises ConfigError where the settings cannot be used. Nothing connects yet.
    """
    if not settings.schema_registry_url:
        return None
    from tidemill.codec.registry.http import HttpRegistry
    from tidemill.kafka.pass_through.properties import read_plain_properties

    path = settings.schema_registry_properties
    return HttpRegistry(settings.schema_registry_url, read_plain_properties(path) if path else {})
