"""Scopes, and the caller that a key or a token proves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidemill.contracts.model_name import is_model_name

__all__ = ["FORMS", "Caller", "Scope", "UnknownKeyId", "scope_named", "scopes_of"]


class Scope(StrEnum):
    """What a caller may do. `admin` includes the others. `ingest:MODEL` and `predict:MODEL` are a scope for one model
    alone.
    """

    INGEST = "ingest"
    PREDICT = "predict"
    ADMIN = "admin"


BY_MODEL: Final = (Scope.INGEST, Scope.PREDICT)
WHOLE: Final = tuple(scope.value for scope in Scope)
FORMS: Final = (*WHOLE, *(f"{scope}:MODEL" for scope in BY_MODEL))
"""How scopes are written."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name`: `key:<id>` or `token:<subject>`. `scopes`: as they are written. `rate`: such as "100/second",
    None for the default.
    """

    name: str
    scopes: frozenset[str]
    rate: str | None = None

    def may(self, scope: Scope, model: str | None = None) -> bool:
        """Whether the caller has a scope for a model: for every one, for this one, or as an admin. Without a model:
        for any.
        """
        if scope in self.scopes or Scope.ADMIN in self.scopes:
            return True
        if model is None:
            return any(name.startswith(f"{scope}:") for name in self.scopes)
        return f"{scope}:{model}" in self.scopes


class UnknownKeyId(LookupError):
    """A token names a signing key that is not in the key set as it was last read."""


def scope_named(name: str) -> str:
    """A scope as it is written: `predict`, `predict:flight-delay`. Raises ValueError, which says what there is."""
    if not _is_scope(name):
        raise ValueError(f"{name!r} is no scope: there are {', '.join(FORMS)}")
    return str(name)


def scopes_of(names: Iterable[str]) -> frozenset[str]:
    """The scopes among `names`; others, which may belong to somebody else, are passed over."""
    return frozenset(str(name) for name in names if _is_scope(name))


def _is_scope(name: str) -> bool:
    scope, colon, model = name.partition(":")
    if not colon:
        return scope in WHOLE
    return scope in BY_MODEL and is_model_name(model)
