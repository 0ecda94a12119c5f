"""Keys that do not lie in a file.

AWS KMS is moto's, in process: keys and signatures are real ones, refusals as AWS documents them. moto hashes what it is
told is a digest already; AWS documents that it does not, and here it does as AWS. No KMS of AWS was asked.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from moto import mock_aws
from moto.kms.utils import ECDSAPrivateKey

from tests.support.processes.programs import program as program_of
from tests.unit.core.artifact.models import manifest, scaling
from tidemill.artifact import MODEL_FILE, ArtifactError, ArtifactStore, Reason
from tidemill.artifact.signing import SIGNATURE_FILE, Signer, TrustedKeys, new_keys, trust
from tidemill.artifact.signing_services import AwsKms, Program, signing_service
from tidemill.errors import ConfigError

REGION = "eu-west-1"


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(ECDSAPrivateKey, "sign", _of_a_digest)
    with mock_aws():
        yield boto3.client("kms", region_name=REGION)


def _of_a_digest(key: Any, message: bytes, signing_algorithm: str) -> bytes:
    assert signing_algorithm == "ECDSA_SHA_256"
    return bytes(key.private_key.sign(message, ECDSA(Prehashed(SHA256()))))


def make_key(kms: Any, spec: str = "ECC_NIST_P256") -> dict[str, str]:
    usage = "ENCRYPT_DECRYPT" if spec == "SYMMETRIC_DEFAULT" else "SIGN_VERIFY"
    return dict(kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"])


def program(folder: Path, text: str) -> str:
    path = folder / "sign.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return f"exec:{path}"


def openssl(folder: Path, *more: str) -> str:
    """A program that signs by openssl and a key of its own: what a person would write for another key service."""
    key = folder / f"p256-{len(list(folder.iterdir()))}.pem"
    make = [program_of("openssl"), "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    lines = [
        f'if [ "$1" = public ]; then exec openssl ec -in {key} -pubout 2>/dev/null; fi',
        f"exec openssl dgst -sha256 -sign {key}",
    ]
    return program(folder, "\n".join([*more, *lines]))


class Signed:
    """A version that `service` has signed, and readers who trust the public key of `trusts`."""

    def __init__(self, folder: Path, service: str, trusts: str | None = None) -> None:
        self.trusted = folder / "trusted.pem"
        trust(signing_service(trusts or service).public_key(), self.trusted)
        self.store = ArtifactStore((folder / "artifacts").as_uri(), TrustedKeys(self.trusted), service=service)
        self.uri = self.store.uri("toy", 1, "r")
        self.digest = self.store.write(self.uri, {MODEL_FILE: scaling(2.0)}, manifest())
        self.signature = folder / "artifacts" / "toy" / "1-r" / SIGNATURE_FILE

    def fetch(self) -> bytes:
        return self.store.fetch("toy", self.uri, self.digest).files[MODEL_FILE]


@pytest.mark.parametrize("called", [lambda key: key["KeyId"], lambda key: key["Arn"], lambda key: "alias/tidemill"])
def test_what_a_key_of_kms_has_signed_is_fetched_by_readers_that_have_its_public_key(
    kms: Any, tmp_path: Path, called: Callable[[dict[str, str]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(kms)
    kms.create_alias(AliasName="alias/tidemill", TargetKeyId=key["KeyId"])
    if called(key).startswith("arn:"):  # it says its region
        monkeypatch.delenv("AWS_REGION")
        monkeypatch.delenv("AWS_DEFAULT_REGION")
    signed = Signed(tmp_path, f"awskms:///{called(key)}")
    assert signed.fetch() == scaling(2.0)
    document = json.loads(signed.signature.read_text())
    document["signature"] = document["signature"][:-8] + "AAAAAAA="
    signed.signature.write_text(json.dumps(document))
    with pytest.raises(ArtifactError) as found:
        signed.fetch()
    assert found.value.reason is Reason.UNSIGNED


def test_a_key_is_changed_while_versions_of_the_one_before_serve_on(kms: Any, tmp_path: Path) -> None:
    first, second = make_key(kms), make_key(kms)
    kms.create_alias(AliasName="alias/tidemill", TargetKeyId=first["KeyId"])
    old = Signed(tmp_path, "awskms:///alias/tidemill")
    trust(AwsKms(second["KeyId"]).public_key(), old.trusted)
    kms.update_alias(AliasName="alias/tidemill", TargetKeyId=second["KeyId"])
    new = old.store.uri("toy", 2, "s")
    digest = old.store.write(new, {MODEL_FILE: scaling(3.0)}, manifest())
    assert old.store.fetch("toy", new, digest).files[MODEL_FILE] == scaling(3.0)
    assert old.fetch() == scaling(2.0)
    assert not trust(AwsKms(second["KeyId"]).public_key(), old.trusted)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("awskms:///no-such-key", "NotFoundException"),
        ("awskms:///", "is none: take awskms:///KEY or exec:"),
        ("gcpkms:///x", "is none: take awskms:///KEY or exec:"),
        ("exec:", "is none: take awskms:///KEY or exec:"),
        ("exec:/no/such/program", "is not there, or may not be executed"),
    ],
)  # fmt: skip
def test_what_a_person_must_mend_is_said(kms: Any, address: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        signing_service(address).public_key()


def test_a_key_of_another_kind_is_refused_by_name(kms: Any) -> None:
    key = make_key(kms, "RSA_2048")
    with pytest.raises(ConfigError, match="another kind than ECC_NIST_P256"):
        AwsKms(key["KeyId"]).sign(b"{}")


def test_a_service_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tidemill.artifact.signing_services.TIMEOUT_S", 0.3)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    with pytest.raises(OSError, match="does not answer"):
        AwsKms("alias/tidemill").public_key()


@pytest.mark.needs("openssl")
def test_a_program_of_ones_own_signs(tmp_path: Path) -> None:
    assert Signed(tmp_path, openssl(tmp_path)).fetch() == scaling(2.0)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    ("lines", "error", "told"),
    [
        ('[ "$1" = sign ] && { echo "no permission" >&2; exit 3; }', OSError, "ended with 3: no permission"),
        ('[ "$1" = sign ] && { echo another; exit 0; }', OSError, "not verified by its own public key"),
        ('[ "$1" = public ] && { echo hello; exit 0; }', ConfigError, "prints no public key"),
        ('[ "$1" = sign ] && { exec sleep 5; }', OSError, "has not ended within"),
    ],
)
def test_a_program_that_refuses_or_signs_wrongly_has_nothing_written(
    tmp_path: Path, lines: str, error: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill.artifact.signing_services.TIMEOUT_S", 1.0)
    service = openssl(tmp_path, lines)
    with pytest.raises(error, match=told):
        Program(Path(service.removeprefix("exec:"))).sign(b"{}")


@pytest.mark.needs("openssl")
def test_a_key_in_a_file_and_one_of_a_service_are_trusted_side_by_side(tmp_path: Path) -> None:
    private = tmp_path / "signing.pem"
    signed = Signed(tmp_path, openssl(tmp_path))
    new_keys(private, signed.trusted)
    by_file = ArtifactStore(signed.store.root, signed.store.keys, private)
    assert isinstance(by_file.signer(), Signer)
    uri = by_file.uri("toy", 2, "f")
    digest = by_file.write(uri, {MODEL_FILE: scaling(5.0)}, manifest())
    assert by_file.fetch("toy", uri, digest).files[MODEL_FILE] == scaling(5.0)
    assert signed.fetch() == scaling(2.0)
