"""The texts that a schema in a registry refers to, and those that they refer to."""

from __future__ import annotations

from typing import Final

from tidemill.codec.registry.client import Entry, Registry

MOST_TEXTS: Final = 200
"""References are followed so far: a registry that refers in circles under ever new names must not hold us up."""


class MissingReference(ValueError):
    """A text that the registry does not have, or one text too many."""


def referenced_texts(entry: Entry, registry: Registry) -> dict[str, str]:
    """All texts behind `entry`, by the names under which they are imported; without its own. Raises
    MissingReference, RetryLater.
    """
    texts: dict[str, str] = {}
    waiting = list(entry.references)
    while waiting:
        name, subject, version = waiting.pop()
        if name in texts:
            continue
        found = registry.version(subject, version)
        if found is None or len(texts) >= MOST_TEXTS:
            raise MissingReference(
                f"it imports {name}, which the registry does not have as {subject}, version {version}"
            )
        texts[name] = found.text
        waiting.extend(found.references)
    return texts
