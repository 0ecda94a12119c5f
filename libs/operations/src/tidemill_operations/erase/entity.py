"""The forms in which one entity stands on a model's topics and in its table: as it was pushed, normalised, hidden."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemill_operations.errors import WrongUse

if TYPE_CHECKING:
    from tidemill.contracts.model_file import ModelSpec

NOTE_DOMAIN = b"tidemill erase\0"
"""Before what is hashed for the audit log: the hash there is not the one that stands on topics."""


@dataclass(frozen=True, slots=True)
class Forms:
    """`texts`: values that are this entity's and nobody else's. `shared`: those that others have too, since a privacy
    rule leaves nothing (drop) or only the end (mask) of them: these rows are found by the ids of their events alone.
    """

    texts: frozenset[str]
    shared: frozenset[str] = frozenset()

    @property
    def keys(self) -> frozenset[bytes]:
        """As record keys."""
        return frozenset(text.encode() for text in self.texts)

    @property
    def hidden(self) -> bool:
        """Whether a privacy rule leaves nothing by which the entity could be found beyond raw."""
        return bool(self.shared)


def forms_of(spec: ModelSpec, entity: str, keys: Sequence[bytes]) -> Forms:
    """By the model file's own rules: `normalise`, then `privacy`. `keys`: by which fields may have been hashed; none
    where none is given. Raises WrongUse for an empty entity, and for a hash without a key.
    """
    from tidemill.rows.field_rules import privacy_rule, text_rule

    if not entity:
        raise WrongUse("which entity? its name is empty", "--entity")
    steps, rule = spec.normalise.get(spec.entity, ()), spec.privacy.get(spec.entity)
    plain = {text for text in (entity, text_rule(steps)(entity)) if text}
    if rule is None:
        return Forms(frozenset(plain))
    if rule.kind == "hash":
        if not keys:
            raise WrongUse(
                f"{spec.name} hashes {spec.entity}: its rows are found by the same key alone. Name its file with "
                "--privacy-key-file (TIDEMILL_PRIVACY_KEY_FILE of validator and serve)",
                "--privacy-key-file",
            )
        hashed = (privacy_rule(rule, key)(text) for key in keys for text in plain)
        return Forms(frozenset(plain) | {text for text in hashed if text})
    left = {privacy_rule(rule, None)(text) or "" for text in plain}
    return Forms(frozenset(plain), frozenset({*left, ""}))


def noted_as(entity: str, key: bytes) -> str:
    """What stands for the entity in the audit log: HMAC-SHA-256 under a key that is not in the database, 32 hex."""
    return hmac.digest(key, NOTE_DOMAIN + entity.encode(), "sha256").hex()[:32]
