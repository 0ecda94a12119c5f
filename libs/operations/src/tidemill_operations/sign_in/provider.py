"""An OpenID provider as it describes itself (OpenID Connect Discovery 1.0), and what is asked of it."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from tidemill.errors import ConfigError, RetryLater

_TIMEOUT_S = 10.0
_MOST_BYTES = 1 << 20
_NAMES = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Refused(ConfigError):
    """The provider has refused what was asked for; the message has its reason."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Addresses of one provider."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str

    @classmethod
    def discover(cls, issuer: str) -> Provider:
        """Raises ConfigError for what is no provider, or not the one asked for; RetryLater where none answers."""
        check_address(issuer)
        told = _json(urllib.request.Request(f"{issuer.rstrip('/')}/.well-known/openid-configuration"), "the provider")
        if told.get("issuer") != issuer:
            name = told.get("issuer")
            raise ConfigError(f"TIDEMILL_OIDC_ISSUER is {issuer}, but what answers there calls itself {name!r}")
        missing = [name for name in _NAMES if not isinstance(told.get(name), str)]
        if missing:
            raise ConfigError(f"{issuer} is no OpenID provider: it has no {', '.join(missing)}")
        for name in _NAMES:
            check_address(told[name])
        return cls(issuer, *(told[name] for name in _NAMES))

    def token(self, client: tuple[str, str] | None, **form: str) -> dict[str, Any]:
        """What the token endpoint answers. `client`: id and secret, for HTTP Basic (RFC 6749, 2.3.1). Raises Refused,
        RetryLater.
        """
        request = urllib.request.Request(self.token_endpoint, urllib.parse.urlencode(form).encode())
        if client is not None:
            named = ":".join(urllib.parse.quote(part, safe="") for part in client)
            request.add_header("Authorization", f"Basic {base64.b64encode(named.encode()).decode()}")
        return _json(request, "the token endpoint")

    def keys(self) -> dict[str, Any]:
        """The keys by which it signs (JWKS). Raises RetryLater, ConfigError."""
        return _json(urllib.request.Request(self.jwks_uri), "the provider's keys")


def check_address(url: str) -> None:
    """Raise ConfigError unless nobody on the way can read it: https, or http to this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return
    raise ConfigError(f"{url}: people sign in over https alone")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A code or a token is sent to nobody but the address that was checked."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _json(request: urllib.request.Request, what: str) -> dict[str, Any]:
    request.add_header("Accept", "application/json")
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
            found = json.loads(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, what) from None
    except (OSError, http.client.HTTPException) as error:
        raise RetryLater(f"{what} ({request.full_url}) does not answer: {error or type(error).__name__}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{what} ({request.full_url}) answers no JSON") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{what} ({request.full_url}) answers no JSON object")
    return found


def _refusal(error: urllib.error.HTTPError, what: str) -> Exception:
    """By RFC 6749, 5.2. What a provider says is shown, at most a line of it; tokens are in no such answer."""
    if error.code >= 500:
        return RetryLater(f"{what} answers {error.code}")
    try:
        told = json.loads(error.read(_MOST_BYTES))
        reason = " ".join(str(told[name]) for name in ("error", "error_description") if told.get(name))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError, http.client.HTTPException):
        reason = ""
    return Refused(f"{what} refuses ({error.code}){': ' if reason else ''}{reason[:200]}")
