"""An OpenID provider on this machine: oidc-provider-mock (on Authlib), which does not look at PKCE, behind a door that
does (RFC 7636): a challenge by S256 or no code, its verifier or no token.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from oidc_provider_mock import User, app

AUTHORIZE, TOKEN = "/oauth2/authorize", "/oauth2/token"


@contextmanager
def openid_provider(users: Sequence[User], access_token_max_age: timedelta = timedelta(hours=1)) -> Iterator[str]:
    """The address of a provider that knows these people."""
    door = ProofKeys(app(user_claims=users, access_token_max_age=access_token_max_age))
    with make_server("127.0.0.1", 0, door, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


class ProofKeys:
    """A WSGI application before the provider's: notes which challenge each code was given for."""

    def __init__(self, provider: Callable[..., Iterable[bytes]]) -> None:
        self._provider = provider
        self._challenges: dict[str, str] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == AUTHORIZE:
            return self._authorize(environ, start_response)
        if environ["PATH_INFO"] == TOKEN:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            problem = self._problem(_fields(body.decode()))
            if problem:
                return _refuse(start_response, *problem)
        return self._provider(environ, start_response)

    def _authorize(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = _fields(environ["QUERY_STRING"])
        if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            return _refuse(start_response, "invalid_request", "a code_challenge by S256 is wanted")

        def noted(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            for name, value in headers:
                code = _fields(urlsplit(value).query).get("code") if name.lower() == "location" else None
                if code:
                    self._challenges[code] = asked["code_challenge"]
            return start_response(status, headers, *rest)

        return self._provider(environ, noted)

    def _problem(self, form: dict[str, str]) -> tuple[str, str] | None:
        if form.get("grant_type") != "authorization_code":
            return None
        if not 43 <= len(form.get("code_verifier", "")) <= 128:
            return "invalid_request", "a code_verifier is wanted"
        digest = hashlib.sha256(form["code_verifier"].encode("ascii")).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if self._challenges.get(form.get("code", "")) != challenge:
            return "invalid_grant", "the code_verifier is not that of the challenge"
        return None


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


def _fields(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _refuse(start_response: Callable[..., Any], error: str, told: str) -> list[bytes]:
    start_response("400 Bad Request", [("Content-Type", "application/json")])
    return [json.dumps({"error": error, "error_description": told}).encode()]
