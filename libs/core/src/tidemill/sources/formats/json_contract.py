"""A JSON Schema of a registry as a check of documents. Needs the extra `tidemill-core[json-schema]`.

Drafts 4 to 2020-12, as `$schema` says (2020-12 where it says nothing). Nothing is fetched from the network: what a
schema refers to is what the registry has as its references. `format` is checked in the drafts where it is a rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import jsonschema_rs

from tidemill.codec.registry.client import Entry, Registry
from tidemill.codec.registry.references import MissingReference, referenced_texts

SHOWN: Final = 5
ITSELF: Final = "the document"
MASK: Final = "the value"
"""Stands for a document's values in messages: they go into headers and logs, and values may be personal."""


class UnusableSchema(ValueError):
    """A schema that cannot be used to check anything."""


class JsonContract:
    """One schema, compiled."""

    def __init__(self, text: str, references: Mapping[str, str] | None = None) -> None:
        """`references`: name by which the schema refers to it -> its text. Raises UnusableSchema."""
        known = dict(references or {})

        def retrieve(uri: str) -> Any:
            for name, found in known.items():
                if uri == name or uri.endswith("/" + name.removeprefix("./")):
                    return json.loads(found)
            raise LookupError(f"it refers to {uri}, which is not among the schema's references in the registry")

        try:
            jsonschema_rs.validator_for(text, retriever=retrieve)  # without the mask its faults are told in full
            self._validator = jsonschema_rs.validator_for(text, retriever=retrieve, mask=MASK)
        except ValueError as error:
            raise UnusableSchema(_first_line(error)) from error

    def problem(self, document: Any) -> str | None:
        """What is wrong with a document, each with its JSON pointer (RFC 6901); None where nothing is."""
        try:
            if self._validator.is_valid(document):
                return None
            errors = list(self._validator.iter_errors(document))
        except ValueError as error:  # nested more deeply than the checker goes
            return f"cannot be checked: {_first_line(error)}"
        told = [f"{pointer(error.instance_path)}: {error.message}" for error in errors[:SHOWN]]
        return "; ".join(told) + (f"; and {len(errors) - SHOWN} more" if len(errors) > SHOWN else "")


def from_registry(entry: Entry, registry: Registry) -> JsonContract:
    """Compile what a registry keeps, with what it refers to. Raises UnusableSchema, RetryLater."""
    try:
        texts = referenced_texts(entry, registry)
    except MissingReference as error:
        raise UnusableSchema(str(error)) from error
    return JsonContract(entry.text, texts)


def pointer(path: list[str | int]) -> str:
    """A path as JSON pointer; the whole document's is empty and is told in words."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path) or ITSELF


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
