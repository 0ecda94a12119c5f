"""Who has signed in on this machine: kept in a file for its owner alone, proved by the provider's keys at each use."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jwt

from tidemill.errors import ConfigError
from tidemill.secret_files import replace_file
from tidemill_operations.sign_in.flow import Client, ask_for_code
from tidemill_operations.sign_in.provider import Provider, Refused
from tidemill_operations.sign_in.settings import SignInSettings

__all__ = ["Person", "Session", "forget", "kept_in", "session", "sign_in"]

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
_LEEWAY_S = 30
_EARLY_S = 60
_LONGEST_S = 10 * 366 * 86_400
_LONGEST = 255  # of a subject: OpenID Connect Core 1.0, 2
_AGAIN = "sign in: `tidemill login`"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider has proved. `name`: for people to read; `subject` is the provider's own, and never changes."""

    issuer: str
    subject: str
    name: str

    def __str__(self) -> str:
        return self.name if self.name == self.subject else f"{self.name} ({self.subject})"


@dataclass(frozen=True, slots=True)
class Session:
    """Tokens of one sign-in. `expires_s`: Unix time, of the access token."""

    issuer: str
    client_id: str
    id_token: str
    access_token: str
    refresh_token: str
    expires_s: float


def kept_in() -> Path:
    """The file, below XDG_CONFIG_HOME or ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "tidemill" / "sign-in.json"


def sign_in(settings: SignInSettings, show: Callable[[str], None], timeout_s: float) -> Person:
    """Have a person sign in and keep it. Raises ConfigError, RetryLater."""
    client, provider = _client(settings), Provider.discover(settings.oidc_issuer)
    answer, asked = ask_for_code(provider, client, show, timeout_s)
    found = _session(provider, client, answer)
    person = _proved(provider, found, asked.nonce)
    _keep(found)
    return person


def session(settings: SignInSettings) -> tuple[Person, Session]:
    """Who is signed in, proved now, with tokens that hold: renewed where they are about to end and the provider gave
    leave. Raises ConfigError where nobody is, RetryLater where the provider does not answer.
    """
    client = _client(settings)
    found = _read()
    if found is None or (found.issuer, found.client_id) != (settings.oidc_issuer, client.client_id):
        raise ConfigError(f"nobody is signed in at {settings.oidc_issuer}: {_AGAIN}")
    provider = Provider.discover(found.issuer)
    if time.time() < min(found.expires_s, _end(found.id_token)) - _EARLY_S:
        return _proved(provider, found), found
    found = _renewed(provider, client, found)
    return _proved(provider, found, late=True), found  # not all providers renew id tokens: it was asked just now


def forget() -> bool:
    """Sign out on this machine; False where nobody was signed in."""
    there = kept_in().exists()
    kept_in().unlink(missing_ok=True)
    return there


def _client(settings: SignInSettings) -> Client:
    if not settings.oidc_issuer:
        raise ConfigError("nobody can sign in here: TIDEMILL_OIDC_ISSUER names no provider (docs/sign-in.md)")
    if "openid" not in settings.oidc_scopes.split():
        raise ConfigError("TIDEMILL_OIDC_SCOPES has no openid: without it a provider proves nobody")
    secret = settings.oidc_client_secret
    return Client(settings.oidc_client_id, secret.get_secret_value() if secret else None, settings.oidc_scopes)


def _session(provider: Provider, client: Client, answer: dict[str, Any], before: Session | None = None) -> Session:
    """By the token endpoint's answer; what it leaves out at a renewal is as it was."""
    id_token, access = answer.get("id_token"), answer.get("access_token")
    if not isinstance(access, str) or (before is None and not isinstance(id_token, str)):
        raise ConfigError("the provider's answer has no tokens: is openid among the client's scopes there?")
    lasts = answer.get("expires_in")
    expires = time.time() + (float(min(lasts, _LONGEST_S)) if isinstance(lasts, int | float) else 300.0)
    refresh = str(answer.get("refresh_token") or "")
    new = Session(provider.issuer, client.client_id, str(id_token), access, refresh, expires)
    if before is None:
        return new
    return replace(
        new,
        id_token=new.id_token if isinstance(id_token, str) else before.id_token,
        refresh_token=new.refresh_token or before.refresh_token,
    )


def _renewed(provider: Provider, client: Client, found: Session) -> Session:
    if not found.refresh_token:
        raise ConfigError(f"the sign-in has ended: {_AGAIN}")
    try:
        answer = client.ask(provider, grant_type="refresh_token", refresh_token=found.refresh_token)
        new = _session(provider, client, answer, found)
    except Refused as error:
        raise ConfigError(f"the sign-in has ended ({error}): {_AGAIN}") from error
    before, after = _proved(provider, found, late=True), _proved(provider, new, late=True)
    if before.subject != after.subject:
        raise ConfigError(f"the provider has renewed the sign-in of somebody else: {_AGAIN}")
    _keep(new)
    return new


def _proved(provider: Provider, found: Session, nonce: str | None = None, *, late: bool = False) -> Person:
    """By OpenID Connect Core 1.0, 3.1.3.7. `late`: an id token whose time is over still says who it was."""
    told = provider.keys()
    try:
        header = jwt.get_unverified_header(found.id_token)
        keys = jwt.PyJWKSet.from_dict(told)
        key = next((one for one in keys.keys if one.key_id == header.get("kid")), keys.keys[0])
        claims = jwt.decode(
            found.id_token, key.key, algorithms=[name for name in _ALGORITHMS if name == header["alg"]],
            audience=found.client_id, issuer=found.issuer, leeway=_LEEWAY_S,
            options={"require": ["exp", "iat", "aud", "iss", "sub"], "verify_exp": not late},
        )  # fmt: skip
    except Exception as error:  # a parser of what came: whatever it raises, nobody is proven
        reason = str(error) if isinstance(error, jwt.PyJWTError) else type(error).__name__
        raise ConfigError(f"the id token does not prove who signed in ({reason}): {_AGAIN}") from error
    if nonce is not None and claims.get("nonce") != nonce:
        raise ConfigError("the id token is of another sign-in (its nonce differs): run `tidemill login` again")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != found.client_id:
        raise ConfigError("the id token is for another client beside this one")
    if not _readable(claims["sub"]):
        raise ConfigError(
            f"the provider calls this person {str(claims['sub'])[:80]!r}, which cannot stand in an audit log"
        )
    return Person(found.issuer, claims["sub"], _name(claims))


def _name(claims: dict[str, Any]) -> str:
    """What people call this person: an address that the provider does not disown, a login, a name; else the subject."""
    disowned = {"email"} if claims.get("email_verified") is False else set()
    names = (claims.get(key) for key in ("email", "preferred_username", "name") if key not in disowned)
    return str(next((name for name in names if _readable(name)), claims["sub"]))


def _readable(text: Any) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= _LONGEST and text.isprintable()


def _end(id_token: str) -> float:
    """Unix time at which it ends; 0 for what is no token."""
    try:
        claims = jwt.decode(id_token, options={"verify_signature": False})
        return float(claims["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return 0.0


def _read() -> Session | None:
    try:
        if kept_in().stat().st_mode & 0o077:
            raise ConfigError(f"others may read {kept_in()}, which has tokens: chmod 600 it, and sign in again")
        return Session(**json.loads(kept_in().read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{kept_in()} cannot be read: {_AGAIN}") from error


def _keep(found: Session) -> None:
    replace_file(kept_in(), json.dumps(asdict(found)).encode())
