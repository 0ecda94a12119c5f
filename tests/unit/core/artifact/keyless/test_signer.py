"""Who signs by an identity, and what stands in the way; the authority and the log are a fake's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.core.artifact.keyless.fake_sigstore import ISSUER, FakeSigstore, token
from tests.unit.core.artifact.keyless.teams import Team
from tidemill.artifact.keyless import signer
from tidemill.artifact.keyless.identities import Identity, read_identities
from tidemill.artifact.keyless.introduction import introduce
from tidemill.artifact.keyless.signer import SigstoreIdentity
from tidemill.artifact.keyless.signers import TrustedIdentities
from tidemill.errors import ConfigError


def test_the_token_is_read_anew_for_each_signature(team: Team) -> None:
    team.token.write_text(token("another", issuer=ISSUER))
    team.fake.certifies = "https://kubernetes.io/namespaces/tidemill/serviceaccounts/other"
    with pytest.raises(ConfigError, match=r"no reader would take what it signs.*serviceaccounts/other") as found:
        team.write(2)
    assert "tidemill models new-key" in str(found.value)
    assert introduce(team.service, team.trusted).added
    assert team.fetch(*team.write(2))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda: token(audience="https://kubernetes.default.svc"), "another audience than `sigstore`"),
        (lambda: token(lives_s=-30), "has expired"),
        (lambda: "eyJhbGciOi.not.a-token", "malformed"),
        (lambda: "", "has no identity token"),
        (lambda: "t\xf6ken", "has no identity token"),
        (lambda: token() + "x" * (2 << 20), "has no identity token"),
    ],
)  # fmt: skip
def test_a_token_that_is_no_good_is_refused_before_anybody_is_asked_and_never_shown(
    team: Team, content: object, told: str
) -> None:
    assert callable(content)
    text = content()
    team.token.write_text(text)
    asked = team.fake.asked
    with pytest.raises(ConfigError, match=told) as found:
        team.write(2)
    assert team.fake.asked == asked
    assert not text or text[:40] not in str(found.value)


def test_without_a_token_a_person_is_told_of_the_setting(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.token.unlink()
    with pytest.raises(ConfigError, match=r"TIDEMILL_SIGNING_IDENTITY_TOKEN_FILE\) cannot be read"):
        team.write(2)
    for name in ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sigstore.oidc.detect_credential", lambda audience: None)
    with pytest.raises(ConfigError, match="there is no identity token here"):
        SigstoreIdentity(team.service.address, None, team.trusted).sign(b"{}")


def test_a_job_of_github_that_may_not_have_a_token_is_told_how(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("TOKEN", "URL"):
        monkeypatch.delenv(f"ACTIONS_ID_TOKEN_REQUEST_{name}", raising=False)
    with pytest.raises(ConfigError, match="id-token: write"):
        SigstoreIdentity(team.service.address, None, team.trusted).sign(b"{}")


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (("signingCert", 400, b'{"message": "unknown issuer"}'), ConfigError, "answers 400: unknown issuer"),
        (("signingCert", 403, b"<html>"), ConfigError, "answers 403"),
        (("signingCert", 429, b"{}"), OSError, "answers 429"),
        (("signingCert", 503, b"{}"), OSError, "answers 503"),
        (("signingCert", 201, b"{}"), OSError, "cannot be taken"),
        (("signingCert", 201, b"not JSON"), OSError, "cannot be taken"),
        (("entries", 400, b'{"code": 400, "message": "bad record"}'), ConfigError, "answers 400: bad record"),
        (("entries", 500, b"{}"), OSError, "answers 500"),
        (("entries", 201, b'{"1": {}}'), OSError, "cannot be taken"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_persons_and_an_absence_is_tried_again(
    team: Team, answer: tuple[str, int, bytes], error: type[Exception], told: str
) -> None:
    team.fake.answer = answer
    with pytest.raises(error, match=told):
        team.write(2)
    assert not (team.folder / "artifacts" / "toy" / "2-r" / "manifest.sig").exists()
    team.fake.answer = None
    assert team.fetch(*team.write(2))


def test_services_that_are_away_or_hang_are_tried_again(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "TIMEOUT_S", 1.0)
    team.fake.goes_on.clear()
    with pytest.raises(OSError, match="has not answered within"):
        team.write(2)
    monkeypatch.undo()
    team.fake.stop()
    with pytest.raises(OSError, match="does not answer"):
        team.write(2)


def test_an_authority_of_another_trust_root_is_refused_before_it_is_written(team: Team, tmp_path: Path) -> None:
    """Its config names one deployment, the readers' trust root another."""
    other = FakeSigstore()
    try:
        config = other.write_config(tmp_path / "other.json")
        service = SigstoreIdentity(f"sigstore:{config}", team.token, team.trusted)
        with pytest.raises(ConfigError, match="no reader would take"):
            service.sign(b"{}")
        with pytest.raises(ConfigError, match=r"TRUST_ROOT\) does not verify what sigstore:"):
            introduce(service, team.trusted)
    finally:
        other.stop()


def test_who_signs_is_introduced_once(team: Team) -> None:
    assert (team.introduced.added, team.introduced.root_written) == (True, True)
    again = introduce(team.service, team.trusted)
    assert (again.added, again.root_written) == (False, False)
    assert read_identities(team.identities) == (team.introduced.identity,)
    assert json.loads(team.root.read_text())["tlogs"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "{" * 2_000])
def test_a_config_that_is_none_is_named(team: Team, tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.json is no ClientTrustConfig"):
        SigstoreIdentity(f"sigstore:{path}", team.token, team.trusted).sign(b"{}")
    path.unlink()
    with pytest.raises(ConfigError, match=r"broken\.json .* cannot be read"):
        SigstoreIdentity(f"sigstore:{path}", team.token, team.trusted).sign(b"{}")


def test_nothing_stands_in_a_log_for_one_whom_no_reader_could_know(team: Team, tmp_path: Path) -> None:
    asked = team.fake.asked
    with pytest.raises(ConfigError, match="needs TIDEMILL_TRUSTED_IDENTITIES"):
        SigstoreIdentity(team.service.address, team.token, None).sign(b"{}")
    nobody = TrustedIdentities(tmp_path / "none.yaml", team.root)
    with pytest.raises(OSError, match=r"none\.yaml"):
        SigstoreIdentity(team.service.address, team.token, nobody).sign(b"{}")
    assert team.fake.asked == asked
    assert Identity("a", ISSUER) < Identity("b", ISSUER)


def test_without_the_library_a_person_is_told_of_the_extra(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'tidemill-core\[sigstore\]'"):
        team.service.sign(b"{}")
