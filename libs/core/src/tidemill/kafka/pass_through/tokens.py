"""OAuth tokens for clients that cannot get them alone: client credentials (RFC 6749, 4.4), and Amazon MSK's IAM."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.pass_through.description import MSK_IAM, ClientSettings

__all__ = ["Token", "TokenSource", "fetcher"]

TIMEOUT_S = 10.0
LONGEST_ANSWER = 1 << 20
"""Bytes; a token has some thousand."""
RENEW_AT = 0.8
"""A token is renewed when this share of its life is over, as librdkafka does."""


@dataclass(frozen=True, slots=True)
class Token:
    """`value` as sent to the broker, valid until `expires_s` (Unix seconds)."""

    value: str
    expires_s: float

    def __repr__(self) -> str:
        return f"Token(*****, expires_s={self.expires_s})"


class TokenSource:
    """Keeps a token and renews it in time. Thread-safe."""

    def __init__(self, fetch: Callable[[], Token], now: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_s = 0.0

    def token(self) -> Token:
        """A valid token; may wait for the endpoint. Raises RetryLater where it is away, ConfigError where it
        refuses.
        """
        with self._lock:
            if self._token is None or self._now() >= self._renew_s:
                self._token = self._fetch()
                self._renew_s = self._now() + RENEW_AT * (self._token.expires_s - self._now())
            return self._token


def fetcher(settings: ClientSettings) -> Callable[[], Token]:
    """How tokens are had under these settings. Raises ConfigError where they do not say."""
    if settings.mechanism == MSK_IAM:
        return lambda: _msk_iam(settings)
    if (settings.get("sasl.oauthbearer.method") or "default").lower() == "oidc":
        for name in ("client.id", "client.secret", "token.endpoint.url"):
            if not settings.get(f"sasl.oauthbearer.{name}"):
                raise ConfigError(f"OAUTHBEARER needs sasl.oauthbearer.{name}")
        return lambda: _client_credentials(settings)
    raise ConfigError("OAUTHBEARER needs sasl.oauthbearer.method=oidc with client id, client secret and token endpoint")


def _client_credentials(settings: ClientSettings) -> Token:
    get = settings.values.get
    url = str(get("sasl.oauthbearer.token.endpoint.url"))
    form = {"grant_type": "client_credentials"}
    if scope := get("sasl.oauthbearer.scope"):
        form["scope"] = scope
    identity = f"{get('sasl.oauthbearer.client.id')}:{get('sasl.oauthbearer.client.secret')}"
    headers = {"Authorization": "Basic " + base64.b64encode(identity.encode()).decode()}
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)
    authority = get("https.ca.location")
    context = ssl.create_default_context(cafile=authority) if url.startswith("https:") else None
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            body = json.loads(answer.read(LONGEST_ANSWER))  # what is cut off there is no JSON
        return Token(str(body["access_token"]), time.time() + float(body.get("expires_in", 300)))
    except urllib.error.HTTPError as error:
        with error:
            if error.code < 500:
                raise ConfigError(
                    f"the token endpoint {url} refuses the client (status {error.code}): check "
                    "sasl.oauthbearer.client.id and client.secret"
                ) from None
            raise RetryLater(f"the token endpoint {url} answered {error.code}") from None
    except (
        OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError, RecursionError,
        OverflowError,
    ) as error:  # fmt: skip
        said = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise RetryLater(f"the token endpoint {url} gives no token: {said}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The client's secret is sent to nobody but the address that was set."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def _msk_iam(settings: ClientSettings) -> Token:
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigError("AWS_MSK_IAM needs one more package: pip install 'tidemill[msk-iam]'") from None
    region = settings.get("aws.region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigError("AWS_MSK_IAM needs the region: set TIDEMILL_KAFKA_AWS_REGION or AWS_REGION")
    try:
        value, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
    except Exception as error:
        raise RetryLater(f"AWS gives no token: {error}") from error
    return Token(value, expires_ms / 1000)
