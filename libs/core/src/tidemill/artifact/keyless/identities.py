"""The identities that are trusted: a file of YAML that lists each with its issuer, and nothing that matches several."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tidemill.artifact.keyless.library import MANY_BYTES
from tidemill.contracts.model_file.yaml.loader import Loader
from tidemill.errors import ConfigError
from tidemill.secret_files import replace_file

__all__ = ["SETTING", "Identity", "read_identities", "trust_identity"]

SETTING = "TIDEMILL_TRUSTED_IDENTITIES"
_KEYS = ("identity", "issuer")
_TEXT = "tag:yaml.org,2002:str"
_CURE = "`tidemill models new-key` adds the identity by which TIDEMILL_SIGNING_SERVICE=sigstore: signs"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Who signs, as a certificate states it: a name (an address, a URL) and who vouches for it (the issuer's URL)."""

    identity: str
    issuer: str

    def __str__(self) -> str:
        return f"{self.identity!r} of the issuer {self.issuer!r}"

    def entry(self) -> str:
        """As it stands in the file."""
        return f"- identity: {json.dumps(self.identity)}\n  issuer: {json.dumps(self.issuer)}\n"


def read_identities(path: Path) -> tuple[Identity, ...]:
    """Those that the file lists, at least one. Raises OSError where it cannot be read, ConfigError with place and cure
    where it says anything else than a list of identities.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MANY_BYTES + 1)
    except OSError as error:
        told = f"the trusted identities {path} ({SETTING}) cannot be read: {error.strerror}. {_CURE}"
        raise OSError(error.errno, told) from error
    if len(data) > MANY_BYTES:
        raise ConfigError(f"{path} ({SETTING}) has more than {MANY_BYTES:,} bytes: it is no list of identities")
    return _File(path).identities(data)


def trust_identity(identity: Identity, path: Path) -> bool:
    """Add an identity at the end of the file, where those of before and all comments stay; False where it is there
    already. Raises as `read_identities`, and ConfigError where nothing can be added at the end.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    known = read_identities(path) if before.strip() else ()
    if identity in known:
        return False
    after = before + ("" if not before or before.endswith("\n") else "\n") + identity.entry()
    try:
        fits = _File(path).identities(after.encode()) == (*known, identity)
    except ConfigError:
        fits = False
    if not fits:
        raise ConfigError(f"{path} ({SETTING}): nothing can be added to a list in this form; add by hand {identity}")
    replace_file(path, after.encode(), 0o644)
    return True


class _File:
    """Reads the text of one file; every refusal says where in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def identities(self, data: bytes) -> tuple[Identity, ...]:
        try:
            root = yaml.compose(data.decode(), Loader=Loader)
        except yaml.MarkedYAMLError as error:
            raise self._refused(error.problem_mark, f"it is not YAML: {error.problem or error.context}") from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise self._refused(None, f"it is not YAML in UTF-8: {error}") from error
        if not isinstance(root, yaml.SequenceNode) or not root.value:
            mark = None if root is None else root.start_mark
            raise self._refused(mark, f"it lists no identities. {_CURE}")
        found: dict[Identity, None] = {}
        for node in root.value:
            identity = self._identity(node)
            if identity in found:
                raise self._refused(node.start_mark, f"it lists {identity} twice: keep one")
            found[identity] = None
        return tuple(found)

    def _identity(self, node: yaml.Node) -> Identity:
        shape = "each item has the two keys `identity` and `issuer`"
        if not isinstance(node, yaml.MappingNode):
            raise self._refused(node.start_mark, shape)
        found: dict[str, str] = {}
        for key, value in node.value:
            if key.value not in _KEYS:
                raise self._refused(key.start_mark, f"{key.value!r} is no key of an identity: {shape}")
            if key.value in found:
                raise self._refused(key.start_mark, f"`{key.value}` stands twice: {shape}")
            found[key.value] = self._text(key.value, value)
        if lacks := [key for key in _KEYS if key not in found]:
            raise self._refused(node.start_mark, f"`{lacks[0]}` is missing: {shape}")
        if not found["issuer"].startswith(("https://", "http://")):
            raise self._refused(node.start_mark, f"the issuer {found['issuer']!r} is no URL: it begins with https://")
        return Identity(**found)

    def _text(self, key: str, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT or not node.value:
            raise self._refused(node.start_mark, f"`{key}` is a text, and not an empty one")
        text: str = node.value
        if "*" in text or text[0] == "^":
            told = f"`{key}: {text}` looks like a pattern, and nothing is matched here: list each identity by itself"
            raise self._refused(node.start_mark, told)
        if not text.isprintable() or any(letter.isspace() for letter in text):
            raise self._refused(node.start_mark, f"`{key}` has a space or a control character: {text!r}")
        return text

    def _refused(self, mark: Any, told: str) -> ConfigError:
        at = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        return ConfigError(f"{self._path}{at} ({SETTING}): {told}")
