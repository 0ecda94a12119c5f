"""The description as a page: Swagger UI, served from here, so that it works where there is no internet.

The files are those that fastapi-offline brings. A strict policy (Content-Security-Policy, W3C) lets the page load and
ask nothing but this service.
"""

from __future__ import annotations

import html
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tidemill.access.middleware import App, Receive, Send

__all__ = ["DOCS", "PAGES", "DocsPages"]

DOCS = "/docs"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".png": "image/png"}
_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png")
_START = "start.js"
PAGES = frozenset({DOCS, *(f"{DOCS}/{name}" for name in (*_FILES, _START))})
"""Paths that are open to all, as the description is."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STARTS = b"""window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, queryConfigEnabled: false,
});
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


class DocsPages:
    """ASGI layer that answers `/docs` and what the page loads; all else goes on. `/openapi.json` is the service's."""

    def __init__(self, app: App, title: str) -> None:
        self._app = app
        self._page = _PAGE.format(title=html.escape(title)).encode()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PAGES or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        scope["route"] = SimpleNamespace(path=scope["path"])  # by which it is counted
        content, kind = self._content(scope["path"])
        headers = {
            "content-type": kind,
            "content-length": str(len(content)),
            "content-security-policy": _POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache" if scope["path"] == DOCS else "max-age=3600",
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    def _content(self, path: str) -> tuple[bytes, str]:
        if path == DOCS:
            return self._page, "text/html; charset=utf-8"
        name = path.rpartition("/")[2]
        return (_STARTS if name == _START else _file(name)), _TYPES[Path(name).suffix]


@lru_cache
def _file(name: str) -> bytes:
    """One of the package's files; the package itself is not run."""
    found = find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("fastapi-offline is not installed, and its files make the page")
    return (Path(next(iter(found.submodule_search_locations))) / "static" / name).read_bytes()
