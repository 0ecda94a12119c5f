"""OpenID issuers on loopback: discovery, public keys and tokens, each of a key of its own."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

SERVICE_ACCOUNT = re.compile(r"https://kubernetes\.io/namespaces/([^/]+)/serviceaccounts/([^/]+)")


class Issuers:
    """Serves each of `names` below its own path, `http://127.0.0.1:PORT/NAME`, from entering to leaving."""

    def __init__(self, *names: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        here = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.urls = {name: f"{here}/{name}" for name in names}
        self._keys = {url: ec.generate_private_key(ec.SECP256R1()) for url in self.urls.values()}
        self._server.documents = {  # type: ignore[attr-defined]
            url.removeprefix(here) + path: document
            for url, key in self._keys.items()
            for path, document in _documents(url, key).items()
        }
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Issuers:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def token(self, url: str, identity: str, audience: str, lifetime_s: float) -> str:
        """A signed token: of a Kubernetes service account where `identity` is what Fulcio calls one, else of an e-mail
        address that was verified.
        """
        now = int(time.time())
        claims: dict[str, Any] = {"iss": url, "aud": audience, "iat": now, "nbf": now, "exp": now + int(lifetime_s)}
        if account := SERVICE_ACCOUNT.fullmatch(identity):
            claims["sub"] = f"system:serviceaccount:{account[1]}:{account[2]}"
            claims["kubernetes.io"] = {"namespace": account[1], "serviceaccount": {"name": account[2], "uid": "1"}}
        else:
            claims |= {"sub": identity, "email": identity, "email_verified": True}
        return jwt.encode(claims, self._keys[url], "ES256", headers={"kid": "1"})


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        document = self.server.documents.get(self.path)  # type: ignore[attr-defined]
        body = json.dumps(document or {"error": "not_found"}).encode()
        self.send_response(200 if document else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


def _documents(url: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "1", "use": "sig", "alg": "ES256"}
    discovery = {
        "issuer": url,
        "jwks_uri": f"{url}/keys",
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    }
    return {"/.well-known/openid-configuration": discovery, "/keys": {"keys": [public]}}
