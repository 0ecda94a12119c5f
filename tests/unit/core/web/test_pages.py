"""The page that describes the interface needs nothing from elsewhere, in a browser too."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes.programs import program
from tests.unit.inference.fakes import MODEL
from tests.unit.inference.rest_app import deployed, served, shipped_endpoints
from tidemill.web.pages import PAGES


def got(app: Any, path: str, method: str = "GET") -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    return asyncio.run(call())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return deployed(shipped_endpoints([MODEL]), tmp_path_factory.mktemp("keys")).app


@pytest.mark.parametrize("path", sorted(PAGES))
def test_every_file_of_the_page_is_served_from_here_without_a_key(app: Any, path: str) -> None:
    answer = got(app, path)
    assert answer.status_code == 200
    assert len(answer.content) > 100
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert got(app, path, "HEAD").headers["Content-Length"] == str(len(answer.content))
    assert got(app, path, "POST").status_code in (401, 404, 405)


def test_the_page_names_no_address_and_only_files_that_are_served(app: Any) -> None:
    page = got(app, "/docs").text
    assert "://" not in page
    named = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert {f"/{name}" for name in named} <= PAGES


def test_what_is_not_of_the_page_stays_closed(app: Any) -> None:
    for path in ("/docs/", "/docs/../v1/models", "/docs/core.py", "/redoc"):
        assert got(app, path).status_code in (401, 404), path


@pytest.mark.needs("chromium")
def test_a_browser_without_internet_shows_every_operation(tmp_path: Path) -> None:
    service = deployed(shipped_endpoints([MODEL]), tmp_path)
    with served(service) as address:
        command = [
            program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={tmp_path / 'browser'}", "--virtual-time-budget=20000",
            "--enable-logging=stderr", "--v=0",
            "--dump-dom", f"http://{address}/docs",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "Tidemill inference" in done.stdout, done.stderr[-2_000:]
    assert f"/v1/models/{MODEL}/predict" in done.stdout.replace("<wbr>", "").replace("\u200b", "")
    assert "Content Security Policy" not in done.stderr, done.stderr[-3_000:]
