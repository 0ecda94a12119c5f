"""The authorization code flow of a program on a person's machine (RFC 8252) with PKCE (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tidemill.errors import ConfigError, RetryLater
from tidemill_operations.sign_in.provider import Provider, Refused

_PATH = "/callback"
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """What one sign-in is recognised by; each is used once."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64))

    @property
    def challenge(self) -> str:
        """The verifier's S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Client:
    """As whom the program asks."""

    client_id: str
    secret: str | None
    scopes: str

    def ask(self, provider: Provider, **form: str) -> dict[str, Any]:
        """What the provider's token endpoint answers to this client."""
        if self.secret:
            return provider.token((self.client_id, self.secret), **form)
        return provider.token(None, client_id=self.client_id, **form)


def ask_for_code(
    provider: Provider, client: Client, show: Callable[[str], None], timeout_s: float
) -> tuple[dict[str, Any], Asked]:
    """Have a person sign in: `show` gets the address to open in a browser. Gives the token endpoint's answer.

    Listens on 127.0.0.1, on a free port, until the provider sends the browser there. Raises ConfigError where the
    person or the provider refuses, RetryLater where nobody has come within `timeout_s`.
    """
    asked = Asked()
    with _Listener(("127.0.0.1", 0), _Callback) as listener:
        listener.state = asked.state
        redirect = f"http://127.0.0.1:{listener.server_address[1]}{_PATH}"
        show(_address(provider, client, asked, redirect))
        code = _wait(listener, timeout_s)
    answer = client.ask(
        provider, grant_type="authorization_code", code=code, redirect_uri=redirect, code_verifier=asked.verifier
    )
    return answer, asked


def _address(provider: Provider, client: Client, asked: Asked, redirect: str) -> str:
    query = urllib.parse.urlencode(
        {
            "response_type": "code", "client_id": client.client_id, "redirect_uri": redirect, "scope": client.scopes,
            "state": asked.state, "nonce": asked.nonce,
            "code_challenge": asked.challenge, "code_challenge_method": "S256",
        }
    )  # fmt: skip
    between = "&" if urllib.parse.urlsplit(provider.authorization_endpoint).query else "?"
    return f"{provider.authorization_endpoint}{between}{query}"


def _wait(listener: _Listener, timeout_s: float) -> str:
    until = time.monotonic() + timeout_s
    listener.timeout = _POLL_S
    while listener.answer is None:
        if time.monotonic() > until:
            raise RetryLater(f"nobody has signed in within {timeout_s:.0f} s: run `tidemill login` again")
        listener.handle_request()
    if "error" in listener.answer:
        told = " ".join(listener.answer[name] for name in ("error", "error_description") if name in listener.answer)
        raise Refused(f"the provider refuses the sign-in: {told[:200]}")
    if "code" not in listener.answer:
        raise ConfigError("the provider has sent neither a code nor an error")
    return listener.answer["code"]


class _Listener(HTTPServer):
    """Takes the answer that has the state that was asked for, and no other."""

    state = ""
    answer: dict[str, str] | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no trouble."""


class _Callback(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 5

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        given = dict(urllib.parse.parse_qsl(parts.query))
        ours = hmac.compare_digest(given.get("state", "").encode(), self.server.state.encode())
        if parts.path != _PATH or not ours:
            self._say(400, "This is not the answer that was waited for: run <code>tidemill login</code> again.")
            return
        self.server.answer = given
        refused = html.escape(given.get("error_description") or given.get("error") or "")
        self._say(200, f"Not signed in: {refused}" if refused else "Signed in. You can close this page.")

    def _say(self, status: int, text: str) -> None:
        page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Tidemill</title><p>{text}</p></html>".encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page))),
            ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *arguments: Any) -> None:
        """The code stands in the address: nothing is logged."""
