"""Signing in against a real OpenID provider on this machine (oidc-provider-mock, on Authlib), over HTTP.

The browser is an HTTP client that fills in the provider's form and follows where it is sent. This provider wants a
client's secret, and PKCE (`openid_provider`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from click.testing import CliRunner
from oidc_provider_mock import User
from pydantic import SecretStr

from tests.support.processes.openid import openid_provider
from tidemill.errors import ConfigError, RetryLater
from tidemill_cli.app import cli
from tidemill_operations.person import login_name, who
from tidemill_operations.sign_in import session as sessions
from tidemill_operations.sign_in.flow import Asked, Client
from tidemill_operations.sign_in.provider import Provider
from tidemill_operations.sign_in.session import kept_in, session, sign_in
from tidemill_operations.sign_in.settings import SignInSettings

ALICE = User(sub="4711", claims={"email": "alice@example.com"})


class Issuer:
    """A provider that runs, and browsers that go there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.addresses: list[str] = []

    def browse(self, address: str, then: Callable[[str], str] = lambda location: location) -> httpx.Response:
        """Sign in as Alice; `then` may change where the provider sends the browser."""
        self.addresses.append(address)
        asked = httpx.post(address, data={"sub": ALICE.sub, "action": "authorize"})
        return httpx.get(then(asked.headers["location"]))

    def as_person(self, **browser: Any) -> Callable[[str], None]:
        """What is shown an address: a browser of its own goes there at once."""
        pool = ThreadPoolExecutor(1)
        return lambda address: pool.submit(self.browse, address, **browser) and None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept lies with the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    with openid_provider([ALICE], access_token_max_age=timedelta(hours=1)) as url:
        monkeypatch.setenv("TIDEMILL_OIDC_ISSUER", url)
        monkeypatch.setenv("TIDEMILL_OIDC_CLIENT_SECRET", "secret")
        yield Issuer(url)


def test_a_person_signs_in_and_is_named_by_what_the_provider_proves(issuer: Issuer) -> None:
    person = sign_in(SignInSettings(), issuer.as_person(), 20)
    assert (person.subject, person.name, person.issuer) == ("4711", "alice@example.com", issuer.url)
    assert kept_in().stat().st_mode & 0o777 == 0o600
    assert who() == f"alice@example.com (4711), as {login_name()}"
    asked = parse_qs(urlsplit(issuer.addresses[0]).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["response_type"] == ["code"]
    assert asked["redirect_uri"][0].startswith("http://127.0.0.1:")


def test_commands_sign_in_say_who_and_sign_out(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.launch", issuer.as_person())
    run = CliRunner().invoke
    done = run(cli, ["login", "--wait", "20"])
    assert done.exit_code == 0, done.output
    assert "signed in at" in done.output and "alice@example.com" in done.output
    told = json.loads(run(cli, ["whoami", "--json"]).stdout)
    assert told == {"issuer": issuer.url, "subject": "4711", "name": "alice@example.com"}
    token = run(cli, ["whoami", "--token"]).stdout.strip()
    assert token and token == json.loads(kept_in().read_text())["access_token"]
    assert "signed out" in run(cli, ["logout"]).output and not kept_in().exists()
    refused = run(cli, ["whoami"])
    assert isinstance(refused.exception, ConfigError) and "tidemill login" in str(refused.exception)


def test_an_act_needs_a_sign_in_where_people_sign_in(issuer: Issuer) -> None:
    with pytest.raises(ConfigError, match="nobody is signed in at http:"):
        who()


def test_without_a_provider_the_login_name_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEMILL_OIDC_ISSUER", raising=False)
    assert who() == login_name()


def test_an_answer_with_another_state_is_refused_and_the_right_one_still_taken(issuer: Issuer) -> None:
    statuses: list[int] = []

    def show(address: str) -> None:
        def go() -> None:
            forged = parse_qs(urlsplit(address).query)["redirect_uri"][0] + "?code=stolen&state=guessed"
            statuses.append(httpx.get(forged).status_code)
            statuses.append(issuer.browse(address).status_code)

        ThreadPoolExecutor(1).submit(go)

    assert sign_in(SignInSettings(), show, 20).subject == "4711"
    assert statuses[0] == 400


def test_a_code_is_worth_nothing_to_who_has_stolen_it(issuer: Issuer) -> None:
    """Whoever sees where the provider sends the browser has the code, and not the verifier, which never left here."""
    asked, provider = Asked(), Provider.discover(issuer.url)
    redirect = "http://127.0.0.1:1/callback"
    query = {
        "response_type": "code", "client_id": "tidemill", "redirect_uri": redirect, "scope": "openid", "state": "s",
        "nonce": asked.nonce, "code_challenge": asked.challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    sent = httpx.post(
        f"{provider.authorization_endpoint}?{urlencode(query)}", data={"sub": ALICE.sub, "action": "authorize"}
    )
    code = parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]
    client = Client("tidemill", "secret", "openid")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    for guessed, told in (({}, "invalid_request"), ({"code_verifier": Asked().verifier}, "invalid_grant")):
        with pytest.raises(ConfigError, match=told):
            client.ask(provider, **form, **guessed)
    assert client.ask(provider, **form, code_verifier=asked.verifier)["access_token"]
    for weak in ("plain", None):
        address = f"{provider.authorization_endpoint}?{urlencode(query | {'code_challenge_method': weak or ''})}"
        assert httpx.post(address, data={"sub": ALICE.sub, "action": "authorize"}).status_code == 400


def test_a_person_who_refuses_is_not_signed_in(issuer: Issuer) -> None:
    """This provider leaves the state out of a refusal, which RFC 6749, 4.1.2.1, asks for: the browser adds it here."""

    def show(address: str) -> None:
        def go() -> None:
            asked = httpx.post(address, data={"sub": ALICE.sub, "action": "deny"})
            state = parse_qs(urlsplit(address).query)["state"][0]
            httpx.get(f"{asked.headers['location']}&state={state}")

        ThreadPoolExecutor(1).submit(go)

    with pytest.raises(ConfigError, match="refuses the sign-in: access_denied"):
        sign_in(SignInSettings(), show, 20)
    assert not kept_in().exists()


def test_who_waits_in_vain_is_told(issuer: Issuer) -> None:
    with pytest.raises(RetryLater, match="nobody has signed in within 1 s"):
        sign_in(SignInSettings(), lambda address: None, 1.0)


def test_a_sign_in_is_renewed_where_it_is_about_to_end(issuer: Issuer) -> None:
    sign_in(SignInSettings(), issuer.as_person(), 20)
    before = json.loads(kept_in().read_text())
    kept_in().write_text(json.dumps(before | {"expires_s": time.time() + 5}))
    person, found = session(SignInSettings())
    assert person.subject == "4711"
    assert found.access_token != before["access_token"]
    assert json.loads(kept_in().read_text())["access_token"] == found.access_token


def _forged(before: dict[str, Any]) -> dict[str, Any]:
    claims = jwt.decode(before["id_token"], options={"verify_signature": False})
    return {"id_token": jwt.encode(claims | {"sub": "admin"}, "x" * 40, "HS256")}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_forged, "does not prove who signed in"),
        (lambda before: {"id_token": before["id_token"][:-6] + "AAAAAA"}, "does not prove who signed in"),
        (lambda before: {"id_token": "nonsense"}, "does not prove|has ended"),
        (lambda before: {"issuer": "http://localhost:1"}, "nobody is signed in"),
        (lambda before: {"expires_s": 0.0, "refresh_token": "another"}, "the sign-in has ended"),
        (lambda before: {"expires_s": 0.0, "refresh_token": ""}, "the sign-in has ended"),
    ],
)
def test_what_stands_in_the_file_proves_nobody_by_itself(
    issuer: Issuer, change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    sign_in(SignInSettings(), issuer.as_person(), 20)
    before = json.loads(kept_in().read_text())
    kept_in().write_text(json.dumps(before | change(before)))
    with pytest.raises(ConfigError, match=told):
        session(SignInSettings())


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "alice@example.com"}, "alice@example.com (4711)"),
        ({"email": "boss@example.com", "email_verified": False, "preferred_username": "alice"}, "alice (4711)"),
        ({"email": "two\nlines", "name": "Alice"}, "Alice (4711)"),
        ({"preferred_username": ""}, "4711"),
    ],
)
def test_a_person_is_called_what_the_provider_stands_for(claims: dict[str, Any], name: str) -> None:
    with openid_provider([User(sub="4711", claims=claims)]) as url:
        issuer = Issuer(url)
        settings = SignInSettings(oidc_issuer=issuer.url, oidc_client_secret=SecretStr("secret"))
        assert str(sign_in(settings, issuer.as_person(), 20)) == name


@pytest.mark.parametrize("subject", ["two\nlines", "x" * 256])
def test_a_subject_that_cannot_stand_in_a_log_is_refused_and_not_changed(
    subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.ALICE", User(sub=subject))
    with openid_provider([ALICE]) as url:
        issuer = Issuer(url)
        settings = SignInSettings(oidc_issuer=issuer.url, oidc_client_secret=SecretStr("secret"))
        with pytest.raises(ConfigError, match="cannot stand in an audit log"):
            sign_in(settings, issuer.as_person(), 20)


def test_tokens_that_others_may_read_are_not_used(issuer: Issuer) -> None:
    sign_in(SignInSettings(), issuer.as_person(), 20)
    kept_in().chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        session(SignInSettings())


def test_an_id_token_of_another_sign_in_is_refused(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sessions.ask_for_code
    monkeypatch.setattr(sessions, "ask_for_code", lambda *given: (real(*given)[0], Asked()))
    with pytest.raises(ConfigError, match="its nonce differs"):
        sign_in(SignInSettings(), issuer.as_person(), 20)


@pytest.mark.parametrize(
    ("address", "error", "told"),
    [
        ("http://login.example.com", ConfigError, "over https alone"),
        ("http://localhost:1", RetryLater, "does not answer"),
    ],
)
def test_where_people_cannot_sign_in_is_said(address: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        Provider.discover(address)


def test_a_provider_that_calls_itself_otherwise_is_refused(issuer: Issuer) -> None:
    with pytest.raises(ConfigError, match="calls itself"):
        Provider.discover(issuer.url + "/")


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert Asked(verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").challenge == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
