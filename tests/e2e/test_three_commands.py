"""From an empty folder and a file to an answered prediction: init, up, push. Every second of it is counted. Then what
docs/client.md shows is run on the project that was made.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.running import ask_rest
from tests.release.quick_start import ROWS, orders
from tests.support.examples import run_examples
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.client import BacktestFailed, start_backtest

LIMIT_S = 180


@pytest.fixture(name="orders")
def orders_file(tmp_path: Path) -> Path:
    """Orders with dates, numbers, categories, a truth and nulls; a few percent are fraud."""
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(orders(Random(1))) + "\n")
    return path


def tidemill(folder: Path, *arguments: str) -> str:
    """What a command prints, run in a folder; fails the test where it fails."""
    env = service_process.environment({}, inherit=False)
    done = service_process.run(*arguments, env=env, cwd=folder, timeout_s=240)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Any]:
    """Starts `tidemill up` in a folder; gives where each part answers. Ends it behind the test."""
    started: list[subprocess.Popen[Any]] = []

    def start(folder: Path) -> dict[str, str]:
        env, log = service_process.environment({}, inherit=False), tmp_path / "up.log"
        process = service_process.start(service_process.CLI, "up", env=env, log=log, cwd=folder)
        started.append(process)
        facts = folder / "var" / "run" / "platform.json"
        until(lambda: facts.exists() or process.poll() is not None, 300, "the platform is up")
        assert process.poll() is None, log.read_text()
        return {name: part["url"] for name, part in json.loads(facts.read_text())["processes"].items()}

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.mark.timeout(600)
def test_three_commands_lead_from_an_empty_folder_and_a_file_to_an_answered_prediction(
    tmp_path: Path, orders: Path, up: Any, root: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    begun = time.monotonic()
    tidemill(tmp_path, "init", "shop", "--from", str(orders), "--label", "fraud", "--entity", "customer_id")
    shop = tmp_path / "shop"
    addresses = up(shop)
    started = time.monotonic()
    said = tidemill(shop, "push", "../orders.csv", "--model", "orders", "--with-labels")
    assert said.count(f"{ROWS:,} rows stored") == 2
    asked = {"customer_id": "c-7", "placed_at": "2026-11-30T10:00:00Z", "amount": 900.5, "country": "US", "items": 2}
    asked |= {"channel": "web", "is_gift": False}
    answer = until(lambda: ask_rest(addresses["serve"], "orders", asked), 300, "the model answers")
    seconds = time.monotonic() - begun
    with capsys.disabled():
        print(f"\n  three commands: {seconds:.0f} s, {started - begun:.0f} s of them until all runs; limit {LIMIT_S} s")
    assert answer is not None and answer["version"] == 1 and 0 <= answer["probability"] <= 1
    assert "all is right: orders" in tidemill(shop, "check")
    assert not list((shop / "schemas" / "models" / "history" / "orders").glob("unsent.txt"))

    monkeypatch.chdir(tmp_path)
    facts = json.loads((shop / "var" / "run" / "platform.json").read_text())
    instead = {
        "http://localhost:8081": addresses["ingest"], "http://localhost:8082": addresses["serve"],
        "localhost:9092": facts["settings"]["TIDEMILL_KAFKA_BOOTSTRAP"],
    }  # fmt: skip
    run_examples(root / "docs" / "client.md", instead)["client"].close()
    with start_backtest("shoes", "orders.csv", project=shop) as backtest, pytest.raises(BacktestFailed, match="orders"):
        backtest.wait(120)
    used = time.monotonic() - begun - seconds
    with capsys.disabled():
        print(f"  the examples of docs/client.md: {used:.0f} s")
