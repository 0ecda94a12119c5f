"""Keys that do not lie in a file: AWS KMS, or a program of one's own that asks another key service.

The private key never leaves the service. Every signature is verified here before it is written: a service that signs
by another key than the one it shows is refused at once, and not by every reader later.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemill.artifact.signing import public_key, signature_document, to_be_signed, verify
from tidemill.errors import ConfigError

if TYPE_CHECKING:
    from tidemill.artifact.signing import PublicKey

__all__ = ["TIMEOUT_S", "AwsKms", "Program", "SigningService", "signing_service"]

_SETTING = "TIDEMILL_SIGNING_SERVICE"
_AWS, _EXEC = "awskms:///", "exec:"
TIMEOUT_S = 30.0
_SAID = 300
_FOR_A_PERSON = frozenset(
    {
        "AccessDeniedException", "NotFoundException", "DisabledException", "KMSInvalidStateException",
        "InvalidKeyUsageException", "InvalidArnException", "UnsupportedOperationException", "ValidationException",
        "UnrecognizedClientException", "InvalidSignatureException",
    }
)  # fmt: skip
"""Answers of KMS that another try does not change."""


class SigningService(ABC):
    """Signs manifests by a key that it keeps."""

    @abstractmethod
    def public_key(self) -> PublicKey:
        """The public key of what signs now. Raises as `sign`."""

    @abstractmethod
    def signature(self, data: bytes) -> bytes:
        """Of these bytes: Ed25519's 64 bytes, or ECDSA's with SHA-256 in DER. Raises as `sign`."""

    def sign(self, manifest: bytes) -> bytes:
        """The content of `manifest.sig`. Raises ConfigError for what a person must mend, OSError where the service is
        away.
        """
        from cryptography.exceptions import InvalidSignature

        key, data = self.public_key(), to_be_signed(manifest)
        found = self.signature(data)
        try:
            verify(key, found, data)
        except InvalidSignature:
            raise OSError(f"{_SETTING}: what it signed is not verified by its own public key") from None
        return signature_document(key, found)


class AwsKms(SigningService):
    """A key of AWS KMS of the kind ECC_NIST_P256, for SIGN_VERIFY. Credentials and region come as for S3: the
    environment, a profile, a role of the pod or machine. Needs kms:GetPublicKey and kms:Sign on that key alone.
    """

    def __init__(self, key: str) -> None:
        """`key`: id, alias/NAME or ARN; an ARN says its region."""
        self._key = key

    def public_key(self) -> PublicKey:
        found = public_key(self._ask("get_public_key")["PublicKey"])
        if found is None or not hasattr(found, "curve"):
            raise ConfigError(f"{_SETTING}: {self._key} is a key of another kind than ECC_NIST_P256")
        return found

    def signature(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()  # a message itself may have 4,096 bytes at most
        answer = self._ask("sign", Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
        return bytes(answer["Signature"])

    def _ask(self, what: str, **more: Any) -> Any:
        try:
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
            from botocore.session import get_session
        except ImportError as error:
            raise ConfigError(f"{_SETTING} at AWS needs botocore: pip install 'tidemill[s3]'") from error
        region = os.environ.get("AWS_REGION")  # botocore itself reads AWS_DEFAULT_REGION alone
        if self._key.startswith("arn:"):
            region = self._key.split(":")[3]
        limits = Config(connect_timeout=TIMEOUT_S / 3, read_timeout=TIMEOUT_S, retries={"max_attempts": 2})
        try:
            client = get_session().create_client("kms", region_name=region, config=limits)
            return getattr(client, what)(KeyId=self._key, **more)
        except (NoCredentialsError, NoRegionError) as error:
            raise ConfigError(f"{_SETTING}: {error} Set AWS_REGION and credentials, or a role") from error
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            told = f"{_SETTING}: AWS KMS refuses {what} of {self._key}: {code}"
            raise (ConfigError(told) if code in _FOR_A_PERSON else OSError(told)) from error
        except BotoCoreError as error:
            raise OSError(f"{_SETTING}: AWS KMS does not answer: {error}") from error


class Program(SigningService):
    """A program of one's own. `PROGRAM public` prints the public key in PEM; `PROGRAM sign` reads the bytes to sign and
    prints the signature (Ed25519, or ECDSA P-256 with SHA-256 in DER). Anything but exit code 0 is a refusal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def public_key(self) -> PublicKey:
        found = public_key(self._run("public"))
        if found is None:
            raise ConfigError(f"{_SETTING}: `{self._path} public` prints no public key of Ed25519 or P-256 in PEM")
        return found

    def signature(self, data: bytes) -> bytes:
        return self._run("sign", data)

    def _run(self, what: str, data: bytes = b"") -> bytes:
        if not os.access(self._path, os.X_OK):
            raise ConfigError(f"{_SETTING}: {self._path} is not there, or may not be executed")
        try:
            done = subprocess.run(
                [str(self._path), what], input=data, capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"{_SETTING}: `{self._path} {what}` has not ended within {TIMEOUT_S:.0f} s") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-_SAID:]
            raise OSError(f"{_SETTING}: `{self._path} {what}` ended with {done.returncode}: {said}")
        return done.stdout


def signing_service(address: str) -> SigningService:
    """By its address; asks nothing yet. Raises ConfigError for one that is none."""
    if address.startswith(_AWS) and len(address) > len(_AWS):
        return AwsKms(address.removeprefix(_AWS))
    if address.startswith(_EXEC) and len(address) > len(_EXEC):
        return Program(Path(address.removeprefix(_EXEC)))
    raise ConfigError(f"{_SETTING}={address} is none: take awskms:///KEY or exec:/path/to/a/program, or sigstore:")
