"""Signs by an identity: a key that lives for one signature, a certificate of a few minutes, and a place in a log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tidemill.artifact.errors import ArtifactError
from tidemill.artifact.keyless import trust_root
from tidemill.artifact.keyless.failures import what_it_means
from tidemill.artifact.keyless.library import check_installed
from tidemill.artifact.keyless.signers import TrustedIdentities
from tidemill.artifact.keyless.token import identity_token
from tidemill.artifact.signing import MAX_SIGNATURE_BYTES, bundle_document, bundle_of, to_be_signed
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig

__all__ = ["PROBE", "SCHEME", "TIMEOUT_S", "SigstoreIdentity", "is_keyless"]

Answer = TypeVar("Answer")

SCHEME: Final = "sigstore:"
TIMEOUT_S = 60.0
"""For all that is asked for one signature. The library itself waits for the authority and the log without an end."""
_SETTING = "TIDEMILL_SIGNING_SERVICE"
PROBE = b"tidemill signing identity 1\0"
"""Signed to learn an identity; no manifest is signed so."""


def is_keyless(address: str) -> bool:
    """Whether a signing service signs by an identity."""
    return address.startswith(SCHEME)


@dataclass(frozen=True, slots=True)
class SigstoreIdentity:
    """Signs manifests by the identity of a token.

    `address`: `sigstore:PATH` with a ClientTrustConfig, or `sigstore:` for the public good instance. `token_file`: None
    takes the token of where this runs. `trusted`: the files by which readers verify; what they would refuse is not
    written. None: not known yet.
    """

    address: str
    token_file: Path | None
    trusted: TrustedIdentities | None

    def sign(self, manifest: bytes) -> bytes:
        """The content of `manifest.sig`. Raises ConfigError for what a person must mend, OSError where it is worth
        trying again.
        """
        trusted = self.trusted
        if trusted is None:
            raise ConfigError(f"{_SETTING}={self.address} needs TIDEMILL_TRUSTED_IDENTITIES: {_CURE}")
        trusted.listed()  # before anything stands in a log that nobody can take it out of
        document = bundle_document(self._bundle(to_be_signed(manifest), self.config()))
        if len(document) > MAX_SIGNATURE_BYTES:
            raise ConfigError(
                f"{_SETTING}: the signature has {len(document):,} bytes, {MAX_SIGNATURE_BYTES:,} is the most"
            )
        try:
            trusted.check(manifest, bundle_of(document) or {})
        except ArtifactError as error:
            raise ConfigError(f"{_SETTING}: no reader would take what it signs: {error}. {_CURE}") from error
        return document

    def config(self) -> ClientTrustConfig:
        """Where the services are, and their trust root. Raises as `sign`: the public good instance is asked for it."""
        check_installed(f"{_SETTING}={self.address}")
        if path := self.address.removeprefix(SCHEME):
            return trust_root.read_client_config(Path(path), _SETTING)
        from sigstore.models import ClientTrustConfig

        return _within(ClientTrustConfig.production)

    def probe(self, config: ClientTrustConfig) -> Mapping[str, Any]:
        """The bundle of PROBE, a text that is no manifest: what the authority certifies is not always what the token
        says of itself. It stands in the log as every signature. Raises as `sign`.
        """
        return bundle_of(bundle_document(self._bundle(PROBE, config))) or {}

    def _bundle(self, data: bytes, config: ClientTrustConfig) -> str:
        token = identity_token(self.token_file)
        from sigstore.sign import SigningContext

        def ask() -> str:
            with SigningContext.from_trust_config(config).signer(token) as signer:
                return signer.sign_artifact(data).to_json()

        return _within(ask)


def _within(ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives within TIMEOUT_S. One that hangs is left in its thread, which holds nothing of ours."""
    answers: list[Answer] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name="sigstore", daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    if thread.is_alive():
        raise OSError(f"{_SETTING}: sigstore has not answered within {TIMEOUT_S:.0f} s")
    if errors:
        raise what_it_means(errors[0], _SETTING) from errors[0]
    return answers[0]


_CURE = "`tidemill models new-key` adds the identity that signs, and is asked once for all readers"
