from __future__ import annotations

import json
import logging
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter
from pydantic import Field

from tidemill import __version__
from tidemill.errors import ConfigError, FatalError, Fenced
from tidemill.service import Health, Heartbeat, StopSignal, run_service
from tidemill.service.cli import parser
from tidemill.service.server import Door, HealthServer
from tidemill.settings import CommonSettings


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_health_and_metrics_are_served_with_reasons() -> None:
    registry = CollectorRegistry()
    Counter("tidemill_tested", "Tests.", registry=registry).inc()
    health = Health()
    with HealthServer(health, registry=registry) as server:
        assert get(server.port, "/health/live") == (200, '{"status": "ok", "reasons": {}}')
        health.add_ready("model", lambda: "no model yet")
        status, body = get(server.port, "/health/ready?verbose")
        assert (status, json.loads(body)) == (503, {"status": "failed", "reasons": {"model": "no model yet"}})
        assert get(server.port, "/health/live")[0] == 200
        status, body = get(server.port, "/metrics")
        assert status == 200
        assert "tidemill_tested_total 1.0" in body
        assert get(server.port, "/")[0] == 404


def test_metrics_say_which_service_and_version_a_process_is() -> None:
    assert run_service(lambda: None, "tidemill-in-an-image") == 0  # whose files have no metadata
    with HealthServer(Health()) as server:
        _, body = get(server.port, "/metrics")
    assert f'tidemill_build_info{{service="tidemill-in-an-image",version="{__version__}"}} 1.0' in body


def test_what_is_not_live_is_not_ready_and_a_broken_check_is_a_failed_one() -> None:
    health = Health()
    health.add_live("loop", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert health.live().reasons == {"loop": "ZeroDivisionError: division by zero"}
    assert not health.ready().ok


def test_a_loop_that_does_not_turn_is_not_live() -> None:
    now = [0.0]
    heartbeat = Heartbeat(60, now=lambda: now[0])
    now[0] = 59
    assert heartbeat() is None
    now[0] = 62
    assert heartbeat() == "the loop has not turned for 62 s"
    heartbeat.beat()
    assert heartbeat() is None


def test_a_taken_port_is_a_configuration_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="TIDEMILL_PORT=0"):
            HealthServer(Health(), Door(port=taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (ZeroDivisionError(), 1),
        (FatalError("no"), 1),
        (KeyboardInterrupt(), 1),
        (ConfigError("no"), 2),
        (Fenced("no"), 3),
    ],
)
def test_exceptions_become_exit_codes(error: BaseException | None, code: int, caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        if error is not None:
            raise error

    assert run_service(main) == code
    assert len(caplog.records) == (0 if error is None else 1)
    if isinstance(error, ZeroDivisionError):
        assert caplog.records[0].exc_info


class DemoSettings(CommonSettings):
    window: int = Field(5, description="Events of a window.")
    key: str = Field(description="A key.")


def test_a_wrong_setting_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TIDEMILL_WINDOW", "many")
    assert run_service(DemoSettings) == 2
    assert "TIDEMILL_WINDOW: Input should be a valid integer" in caplog.text
    assert "TIDEMILL_KEY: Field required" in caplog.text


def test_help_shows_every_setting_without_reading_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_WINDOW", "many")
    text = parser("tidemill-demo", DemoSettings, "Shows how.").format_help()
    assert "TIDEMILL_WINDOW [5]\n      Events of a window." in text
    assert "TIDEMILL_KEY [required]" in text
    assert "TIDEMILL_MODELS [none]" in text


def test_a_signal_sets_the_event_and_ctrl_c_twice_interrupts(signals: None) -> None:
    stop = StopSignal().install()
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.is_set()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_error_without_logging_is_still_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def main() -> None:
        raise ConfigError("set TIDEMILL_SCHEMAS")

    assert run_service(main) == 2
    assert capsys.readouterr().err.count("set TIDEMILL_SCHEMAS") == 1
