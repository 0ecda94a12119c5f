"""What `tidemill status` says of model files that are not what is at work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from tidemill.settings import CommonSettings
from tidemill_operations.platform import PlatformView
from tidemill_operations.standing.model_files import read_model_files

MISTAKE = "models/orders.yaml:7:12: orders.avsc has no field 'amont': did you mean 'amount'?"


@pytest.fixture
def service() -> Iterator[tuple[str, dict[str, Any]]]:
    """A process that says of its contract what the dictionary holds; its URL."""
    told: dict[str, Any] = {"hash": "ab", "models": ["flight-delay"], "mistakes": [], "waits": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = orjson.dumps({"status": "failed", "reasons": {}, "contract": told})
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", told
    server.shutdown()
    server.server_close()


def view(root: Path, url: str | None, models: Path | None = None) -> PlatformView:
    settings = CommonSettings(models_dir=models or root / "models", schemas=root / "schemas")
    processes = {"serve": {"url": url}, "gone": {"url": "http://127.0.0.1:1"}, "broker": {"url": None}}
    return PlatformView(settings, {"processes": processes if url else {}})


def test_a_mistake_that_a_process_tells_is_told_once_with_its_place(
    root: Path, service: tuple[str, dict[str, Any]]
) -> None:
    url, told = service
    told["mistakes"] = [MISTAKE]
    found = read_model_files(view(root, url))
    assert found.facts() == {"current": False, "mistakes": [MISTAKE], "processes": {"serve": told}}
    assert list(found.lines()) == [f"model files: not taken up, what is at work goes on: {MISTAKE}"]


def test_a_model_at_work_whose_file_is_not_right_is_named(root: Path, service: tuple[str, dict[str, Any]]) -> None:
    url, told = service
    told["models"] = ["flight-delay", "orders"]
    (line,) = read_model_files(view(root, url)).lines()
    assert line.startswith("orders: at work as read before")


def test_what_a_process_waits_for_is_told(root: Path, service: tuple[str, dict[str, Any]]) -> None:
    url, told = service
    told["waits"] = "topics of orders are not there"
    found = read_model_files(view(root, url))
    assert not found.facts()["current"]
    assert list(found.lines()) == ["model files: serve wait to take up a change: topics of orders are not there"]


def test_where_all_is_well_there_is_nothing_to_say(root: Path, service: tuple[str, dict[str, Any]]) -> None:
    found = read_model_files(view(root, service[0]))
    assert found.facts()["current"]
    assert list(found.lines()) == []


def test_without_processes_the_files_themselves_are_looked_at_even_where_none_is_right(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "orders.yaml").write_text("model: [")
    platform = view(root, None, tmp_path)
    found = read_model_files(platform)
    assert any("orders.yaml:1" in mistake for mistake in found.mistakes)
    platform.go_without_models()
    assert platform.models == {}
