"""Bytes signed by a token's identity: verified with nothing but the trust root, and refused for the right reason."""

from __future__ import annotations

import json
import socket

import pytest
import requests
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore.errors import VerificationError
from sigstore.models import Bundle, ClientTrustConfig, InvalidBundle
from sigstore.oidc import IdentityError, IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from tests.sigstore.deployment import Sigstore

ANNA, BERT = "anna@example.org", "bert@example.org"
TRAINER = "https://kubernetes.io/namespaces/tidemill/serviceaccounts/trainer"
BYTES = b"a model's bytes"


def trust(sigstore: Sigstore) -> ClientTrustConfig:
    return ClientTrustConfig.from_json(sigstore.trust_config.read_text())


def signed(sigstore: Sigstore, token: str, audience: str = "sigstore") -> str:
    """The bundle's JSON of `BYTES`."""
    context = SigningContext.from_trust_config(trust(sigstore))
    with context.signer(IdentityToken(token, client_id=audience)) as signer:
        return signer.sign_artifact(BYTES).to_json()


def verify(sigstore: Sigstore, bundle: str, identity: str, issuer: str, content: bytes = BYTES) -> None:
    verify_by(trust(sigstore), bundle, identity, issuer, content)


def verify_by(config: ClientTrustConfig, bundle: str, identity: str, issuer: str, content: bytes = BYTES) -> None:
    verifier = Verifier(trusted_root=config.trusted_root)
    verifier.verify_artifact(content, Bundle.from_json(bundle), Identity(identity=identity, issuer=issuer))


def refusal_of_fulcio(sigstore: Sigstore, token: str, audience: str = "sigstore") -> str:
    """What it says of a token. The client's error is empty; the answer hangs below it."""
    with pytest.raises(FulcioClientError) as refused:
        signed(sigstore, token, audience)
    answer = refused.value.__cause__
    assert isinstance(answer, requests.HTTPError)
    return str(answer.response.json()["message"])


@pytest.fixture(scope="module")
def bundle(sigstore: Sigstore) -> str:
    """`BYTES` signed by Anna."""
    return signed(sigstore, sigstore.token(ANNA))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects to anything fails."""

    def nobody(self: socket.socket, address: object) -> None:
        raise AssertionError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", nobody)


@pytest.mark.usefixtures("offline")
def test_the_trust_root_alone_verifies_what_a_person_signed(sigstore: Sigstore, bundle: str) -> None:
    verify(sigstore, bundle, ANNA, sigstore.people)


def test_a_service_account_of_kubernetes_signs_by_its_token(sigstore: Sigstore) -> None:
    verify(sigstore, signed(sigstore, sigstore.token(TRAINER)), TRAINER, sigstore.cluster)


@pytest.mark.usefixtures("offline")
def test_other_bytes_are_refused(sigstore: Sigstore, bundle: str) -> None:
    with pytest.raises(VerificationError, match="digest mismatch"):
        verify(sigstore, bundle, ANNA, sigstore.people, content=BYTES + b".")


@pytest.mark.usefixtures("offline")
def test_another_identity_is_refused(sigstore: Sigstore, bundle: str) -> None:
    with pytest.raises(VerificationError, match="SANs do not match"):
        verify(sigstore, bundle, BERT, sigstore.people)


@pytest.mark.usefixtures("offline")
def test_the_same_name_by_another_issuer_is_refused(sigstore: Sigstore, bundle: str) -> None:
    with pytest.raises(VerificationError, match="OIDC"):
        verify(sigstore, bundle, ANNA, sigstore.cluster)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("certificateAuthorities", "failed to build timestamp certificate chain"),
        ("ctlogs", "failed to verify SCT"),
        ("tlogs", "invalid log entry"),
        ("timestampAuthorities", "not enough sources of verified time"),
    ],
)
def test_no_part_of_another_deployments_trust_root_stands_for_ours(
    sigstore: Sigstore, other_sigstore: Sigstore, bundle: str, part: str, said: str
) -> None:
    ours, theirs = (json.loads(one.trust_config.read_text()) for one in (sigstore, other_sigstore))
    ours["trustedRoot"][part] = theirs["trustedRoot"][part]
    with pytest.raises(VerificationError, match=said):
        verify_by(ClientTrustConfig.from_json(json.dumps(ours)), bundle, ANNA, sigstore.people)
    with pytest.raises(VerificationError):
        verify(other_sigstore, bundle, ANNA, sigstore.people)


def test_nothing_is_signed_while_the_log_is_down(sigstore: Sigstore) -> None:
    with sigstore.without("rekor"), pytest.raises(requests.ConnectionError):
        signed(sigstore, sigstore.token(ANNA))
    verify(sigstore, signed(sigstore, sigstore.token(ANNA)), ANNA, sigstore.people)


def test_nothing_is_signed_without_a_timestamp(sigstore: Sigstore) -> None:
    with sigstore.without("timestamps"), pytest.raises(InvalidBundle, match="timestamp"):
        signed(sigstore, sigstore.token(ANNA))


def test_no_certificate_is_given_while_fulcio_or_its_log_is_down(sigstore: Sigstore) -> None:
    with sigstore.without("fulcio"), pytest.raises(requests.ConnectionError):
        signed(sigstore, sigstore.token(ANNA))
    with sigstore.without("ct"):
        assert "CTL" in refusal_of_fulcio(sigstore, sigstore.token(ANNA))
    verify(sigstore, signed(sigstore, sigstore.token(ANNA)), ANNA, sigstore.people)


def test_a_token_for_another_audience_is_refused_by_the_client_and_by_fulcio(sigstore: Sigstore) -> None:
    token = sigstore.token(ANNA, audience="elsewhere")
    with pytest.raises(IdentityError):
        signed(sigstore, token)
    assert "identity token" in refusal_of_fulcio(sigstore, token, "elsewhere")


def test_fulcio_refuses_the_token_of_an_issuer_that_it_does_not_know(sigstore: Sigstore) -> None:
    assert "identity token" in refusal_of_fulcio(sigstore, sigstore.token(ANNA, issuer=sigstore.stranger))


def test_a_token_that_has_ended_is_refused(sigstore: Sigstore) -> None:
    with pytest.raises(IdentityError):
        signed(sigstore, sigstore.token(ANNA, lifetime_s=-60))
