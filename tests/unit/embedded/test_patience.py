"""A starting part is waited for while it shows signs of life; tried with small real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import pytest

from tests.support.polling import until
from tidemill.errors import RetryLater
from tidemill_embedded.errors import PlatformError, StartInterrupted
from tidemill_embedded.processes.restart_policy import RestartPolicy
from tidemill_embedded.processes.supervisor import ProcessSpec, Supervisor
from tidemill_embedded.start.coming_up import ComingUp
from tidemill_embedded.start.patience import Patience, Signs, cpu_seconds
from tidemill_embedded.start.settings import StartSettings

SLEEPER = "import time; time.sleep(600)"
BUSY = "while True: pass"
QUICK = StartSettings(silence_s=1.5, most_s=60.0)


@pytest.fixture
def coming_up(tmp_path: Path) -> Iterator[ComingUp]:
    supervisor = Supervisor(tmp_path, RestartPolicy())
    yield ComingUp(supervisor, QUICK)
    supervisor.stop()


def start(coming_up: ComingUp, code: str, folder: Path) -> Path:
    log = folder / "part.log"
    coming_up.supervisor.add(ProcessSpec("part", [sys.executable, "-S", "-c", code], dict(os.environ), log))
    until(coming_up.supervisor.pids, 20, "it runs")
    return log


class Watched:
    """A patience over seconds and signs that the test sets."""

    def __init__(self, settings: StartSettings) -> None:
        self.now, self.signs, self.told = 0.0, Signs(), list[str]()
        self.patience = Patience(settings, "trainer", lambda: self.signs, tell=self.told.append, clock=lambda: self.now)

    def at(self, now: float, signs: Signs) -> str | None:
        self.now, self.signs = now, signs
        return self.patience.at_an_end()


@pytest.mark.parametrize("sign", ["cpu_s", "log_bytes", "answer"])
def test_whatever_moves_gives_a_part_more_time(sign: str) -> None:
    watched = Watched(StartSettings(silence_s=60, most_s=900))
    for step in range(1, 14):
        assert watched.at(step * 50.0, Signs(**{sign: step})) is None  # type: ignore[arg-type]
    assert "for 60 s" in str(watched.at(13 * 50.0 + 61, Signs(**{sign: 13})))  # type: ignore[arg-type]


def test_what_shows_life_for_ever_is_given_up_at_the_limit() -> None:
    watched = Watched(StartSettings(silence_s=60, most_s=900))
    ends = [watched.at(now, Signs(log_bytes=now)) for now in range(10, 910, 10)]
    assert ends[:-1] == [None] * 89
    assert ends[-1] is None
    assert "TIDEMILL_START_MOST_S" in str(watched.at(901, Signs(log_bytes=901)))


def test_idling_is_no_sign_of_life() -> None:
    watched = Watched(StartSettings(silence_s=60, most_s=900))
    ends = [watched.at(now, Signs(cpu_s=now * 0.001)) for now in range(1, 62)]
    assert ends[-1] is not None and "TIDEMILL_START_SILENCE_S" in ends[-1]
    assert ends[:-1] == [None] * 60


def test_a_new_process_of_the_same_part_begins_to_count_anew() -> None:
    watched = Watched(StartSettings(silence_s=60, most_s=900))
    assert watched.at(50, Signs(cpu_s=20)) is None
    assert watched.at(100, Signs(cpu_s=1)) is None
    assert watched.at(109, Signs(cpu_s=2)) is None
    assert watched.at(160, Signs(cpu_s=2)) is None


def test_whoever_waits_is_told_now_and_then() -> None:
    watched = Watched(StartSettings(silence_s=60, most_s=900))
    for now in range(1, 31):
        watched.at(now, Signs(log_bytes=now // 10))
    assert watched.told == ["still starting trainer: 16 s so far, last sign of life 6 s ago"]


def test_the_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_START_SILENCE_S", "7")
    monkeypatch.setenv("TIDEMILL_START_MOST_S", "8")
    assert StartSettings() == StartSettings(silence_s=7, most_s=8)


def test_a_part_that_hangs_is_given_up_with_the_end_of_its_log(coming_up: ComingUp, tmp_path: Path) -> None:
    log = start(coming_up, f"print('waiting for the moon', flush=True); {SLEEPER}", tmp_path)
    with pytest.raises(PlatformError, match=r"part did not come up: for 2 s .*\n(.*\n)*waiting for the moon"):
        coming_up.until(lambda: False, "part", log)


def test_a_part_that_works_without_a_word_is_waited_for(coming_up: ComingUp, tmp_path: Path) -> None:
    """Longer than silence is borne; long enough that a busy machine gives the part some of its time within it."""
    patient = ComingUp(coming_up.supervisor, StartSettings(silence_s=5.0, most_s=60.0))
    log = start(coming_up, BUSY, tmp_path)
    pid, began = patient.supervisor.pids()["part"], time.monotonic()
    patient.until(lambda: cpu_seconds(pid) > 0 and time.monotonic() - began > 7, "part", log)


def test_other_answers_than_before_are_signs_of_life(coming_up: ComingUp, tmp_path: Path) -> None:
    log = start(coming_up, SLEEPER, tmp_path)
    asked = count(1)

    class Phases(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = next(asked)
            self.send_response(200 if number > 60 else 503)
            self.end_headers()
            self.wfile.write(f"migrating table {number // 10}".encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Phases)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        coming_up.until_answers("part", f"http://127.0.0.1:{server.server_port}/", log)
    finally:
        server.shutdown()
        server.server_close()
    assert next(asked) > 60


def test_work_that_brokers_are_too_busy_for_is_tried_again(coming_up: ComingUp) -> None:
    tries = count()

    def work() -> None:
        if next(tries) < 3:
            raise RetryLater("the Kafka brokers do not answer")

    coming_up.until_works(work, "broker")
    assert next(tries) == 4


def test_a_broker_that_never_answers_is_told_with_its_last_word(coming_up: ComingUp) -> None:
    def work() -> None:
        raise RetryLater("the Kafka brokers do not answer")

    with pytest.raises(PlatformError, match=r"broker did not come up: .*the Kafka brokers do not answer"):
        coming_up.until_works(work, "broker")


def test_a_person_who_has_had_enough_ends_the_wait(coming_up: ComingUp, tmp_path: Path) -> None:
    coming_up.interrupt.set()
    with pytest.raises(StartInterrupted):
        coming_up.until(lambda: False, "part", tmp_path / "part.log")


def test_cpu_time_counts_what_a_process_has_started() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {BUSY!r}])"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as parent:
        try:
            until(lambda: cpu_seconds(parent.pid) > 1.0, 30, "its child's time is counted")
        finally:
            os.killpg(parent.pid, 9)
    assert cpu_seconds(parent.pid) == 0.0
    assert cpu_seconds(None) == 0.0
