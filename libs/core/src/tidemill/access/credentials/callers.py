"""Scopes, and the caller that a key or a token proves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a caller may do. `admin` includes the others."""

    INGEST = "ingest"
    PREDICT = "predict"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name`: `key:<id>` or `token:<subject>`. `rate`: such as "100/second", None for the default."""

    name: str
    scopes: frozenset[Scope]
    rate: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller has a scope, by itself or as an admin."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class UnknownKeyId(LookupError):
    """A token names a signing key that is not in the key set as it was last read."""


def scopes_of(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes among `names`; others, which may belong to somebody else, are passed over."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in names if name in known)
