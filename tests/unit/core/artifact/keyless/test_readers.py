"""What readers take and refuse, by signatures that are real (of a fake authority and log)."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.unit.core.artifact.keyless.fake_sigstore import ISSUER, TRAINER, FakeSigstore, token
from tests.unit.core.artifact.keyless.teams import Team
from tests.unit.core.artifact.models import scaling
from tidemill.artifact import ArtifactError, ArtifactStore, Reason
from tidemill.artifact.keyless.identities import Identity, trust_identity
from tidemill.artifact.keyless.signers import TrustedIdentities, TrustedSigners
from tidemill.artifact.signing import MAX_SIGNATURE_BYTES, TrustedKeys
from tidemill.errors import ConfigError


def refused(team: Team) -> str:
    with pytest.raises(ArtifactError) as found:
        team.fetch()
    assert found.value.reason is Reason.UNSIGNED
    return str(found.value)


def test_what_a_trusted_identity_has_signed_is_fetched_and_nobody_is_asked(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = team.fake.asked
    monkeypatch.setattr(socket.socket, "connect", lambda *given: pytest.fail("somebody is asked"))
    assert team.fetch() == scaling(2.0)
    assert team.fake.asked == asked
    assert team.introduced.identity == Identity(TRAINER, ISSUER)


def test_an_identity_that_is_taken_out_is_refused_at_the_next_load_by_name(team: Team) -> None:
    trust_identity(Identity("anna@example.org", ISSUER), team.identities)
    assert team.fetch()
    text = team.identities.read_text()
    team.identities.write_text(text[text.index("- identity", 1) :])
    told = refused(team)
    assert f"signed by '{TRAINER}' of the issuer '{ISSUER}', which is none of the 1 in {team.identities}" in told
    team.identities.write_text(text)
    assert team.fetch()


def test_the_same_name_of_another_issuer_is_somebody_else(team: Team) -> None:
    team.identities.write_text(Identity(TRAINER, ISSUER + "/other").entry())
    assert "which is none of the 1" in refused(team)


def test_keys_and_identities_are_trusted_side_by_side(team: Team) -> None:
    by_key = team.by_key()
    uri, digest = team.write(2, by_key)
    assert team.fetch(uri, digest) and team.fetch()
    team.keys.unlink()  # no key is trusted any more
    with pytest.raises(ArtifactError, match="there are no trusted keys") as found:
        team.fetch(uri, digest)
    assert found.value.reason is Reason.UNSIGNED
    assert team.fetch()


def test_one_who_trusts_keys_alone_is_told_of_the_setting(team: Team) -> None:
    team.by_key()
    by_keys = ArtifactStore(team.store.root, TrustedKeys(team.keys))
    with pytest.raises(ArtifactError, match=r"signed by an identity.*TIDEMILL_TRUSTED_IDENTITIES") as found:
        by_keys.fetch("toy", team.uri, team.digest)
    assert found.value.reason is Reason.UNSIGNED


def test_a_manifest_that_nobody_signed_is_refused_as_ever(team: Team) -> None:
    team.signature.unlink()
    team.by_key()
    assert "is not signed" in refused(team)


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(bundle: dict[str, Any]) -> None:
        part: Any = bundle
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = to(part[path[-1]]) if callable(to) else to

    return change


def _flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(raw).decode()


ENTRY = ("verificationMaterial", "tlogEntries", 0)
PROOF = (*ENTRY, "inclusionProof")


@pytest.mark.parametrize(
    "change",
    [
        _set("messageSignature", "signature", to=_flipped),
        _set("messageSignature", "messageDigest", "digest", to=_flipped),
        _set("messageSignature", to=None),
        _set("mediaType", to="application/json"),
        _set("verificationMaterial", "certificate", "rawBytes", to=_flipped),
        _set("verificationMaterial", "certificate", "rawBytes", to="AAAA"),
        _set("verificationMaterial", to={}),
        _set("verificationMaterial", "tlogEntries", to=[]),
        _set("verificationMaterial", "tlogEntries", to=lambda entries: entries * 2),
        _set(*ENTRY, "canonicalizedBody", to=_flipped),
        _set(*ENTRY, "integratedTime", to="1"),
        _set(*ENTRY, "integratedTime", to="9" * 30),
        _set(*ENTRY, "integratedTime", to="-9223372036854775808"),
        _set(*ENTRY, "inclusionPromise", "signedEntryTimestamp", to=_flipped),
        _set(*ENTRY, "inclusionPromise", to=None),
        _set(*ENTRY, "logIndex", to="7"),
        _set(*ENTRY, "kindVersion", "version", to="0.0.2"),
        _set(*ENTRY, "kindVersion", "kind", to="dsse"),
        _set(*PROOF, "rootHash", to=_flipped),
        _set(*PROOF, "treeSize", to="0"),
        _set(*PROOF, "hashes", to=["AAAA"] * 200),
        _set(*PROOF, "checkpoint", "envelope", to=lambda text: text.replace("log.test", "log.best")),
        _set(*PROOF, "checkpoint", "envelope", to="\n\n"),
        _set(*PROOF, "checkpoint", to=None),
    ],
)  # fmt: skip
def test_a_bundle_that_is_changed_anywhere_is_refused(team: Team, change: Callable[[dict[str, Any]], None]) -> None:
    bundle = team.bundle()
    change(bundle)
    team.put(bundle)
    assert "does not hold" in refused(team)


@pytest.mark.parametrize(
    "text",
    [
        '{"bundle": ' + "[" * 30_000,
        '{"bundle": ' + '{"a": ' * 9_000 + "1" + "}" * 9_000 + "}",
        '{"bundle": []}',
        '{"bundle": null}',
        '{"bundle": {}}',
        '{"bundle": {}, "key": "0123", "signature": ""}',
        '{"bundle": {"mediaType": ' + "9" * 5_000 + "}}",
        '{"bundle": {"mediaType": NaN}}',
        '["bundle"]',
        '"bundle"',
        " " * (MAX_SIGNATURE_BYTES + 1),
        "\ud800",
    ],
)
def test_what_is_no_bundle_at_all_is_refused_and_ends_nobody(team: Team, text: str) -> None:
    team.signature.write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(team)


def test_a_bundle_is_for_its_own_bytes_alone(team: Team) -> None:
    """One of another version, and one of the same bytes without the purpose before them."""
    other = team.folder / "artifacts" / "toy" / "2-r"
    team.write(2)
    (other / "manifest.sig").replace(team.signature)
    assert team.fetch(), "the same bytes: signed once more"
    probe = team.service.probe(team.service.config())
    team.put(probe)
    assert "does not hold" in refused(team)


def test_a_record_that_came_into_the_log_after_the_certificate_had_expired_proves_nothing(team: Team) -> None:
    team.fake.late_s = 3_600
    with pytest.raises(ConfigError, match="no reader would take what it signs"):
        team.write(2)


def test_a_certificate_with_two_names_says_nobody(team: Team) -> None:
    team.fake.more_names = [x509.RFC822Name("anna@example.org")]
    with pytest.raises(ConfigError, match="has 2 names"):
        team.write(2)


def test_another_deployment_signs_nothing_here_whatever_it_certifies(team: Team, tmp_path: Path) -> None:
    stranger = FakeSigstore()
    try:
        (folder := tmp_path / "stranger").mkdir()
        forged = Team(folder, stranger)
        team.put(forged.bundle())
        assert "does not hold" in refused(team)
    finally:
        stranger.stop()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no trust root"),
        ("[" * 100_000, "is no trust root"),
        ("[]", "is no trust root"),
        ('{"mediaType": "x"}', "is no trust root"),
        ('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": []}', "no trust root"),
        (" " * ((1 << 20) + 1), "has more than"),
    ],
)  # fmt: skip
def test_without_a_whole_trust_root_nothing_is_trusted(team: Team, text: str, told: str) -> None:
    kept = team.root.read_text()
    team.root.write_text(text)
    assert told in refused(team)
    for part in ("certificateAuthorities", "ctlogs", "tlogs"):
        team.root.write_text(json.dumps(json.loads(kept) | {part: []}))
        assert f"has no `{part}`" in refused(team)
    team.root.unlink()
    with pytest.raises(FileNotFoundError, match="TIDEMILL_SIGSTORE_TRUST_ROOT"):
        team.fetch()
    team.root.write_text(team.config.read_text())
    assert team.fetch(), "a ClientTrustConfig will do as well"


def test_a_list_of_identities_with_a_mistake_trusts_nobody_and_says_where(team: Team) -> None:
    team.identities.write_text(team.identities.read_text() + "- anybody\n")
    assert f"{team.identities}:3:3" in refused(team)


def test_an_address_of_a_person_is_read_from_its_certificate(team: Team) -> None:
    team.fake.certifies = "anna@example.org"
    team.token.write_text(token("subject-7"))
    trust_identity(Identity("anna@example.org", ISSUER), team.identities)
    uri, digest = team.write(2)
    assert team.fetch(uri, digest)


def test_where_a_reader_has_both_files_the_settings_make_it_trust_both(team: Team) -> None:
    both = TrustedSigners(TrustedKeys(team.keys), TrustedIdentities(team.identities, team.root))
    assert both == team.store.keys
