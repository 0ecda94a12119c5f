"""The quick start, as a person types it who has installed Tidemill and has no clone; prints its seconds as JSON.

`python quick_start.py BIN FOLDER`: BIN has the command `tidemill`, FOLDER is empty. Needs no library, so that any
Python can run it.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

ROWS = 5_000
START_S, ANSWER_S = 600, 600
"""Deadlines: until all runs (Kafka's jars are fetched first where they are not there), and until the model answers."""
ASKED = {"customer_id": "c-7", "amount": 900.5, "country": "US", "items": 2}


def main() -> None:
    bin_folder, folder = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    command = Command(bin_folder / "tidemill", folder)
    (folder / "orders.csv").write_text("\n".join(orders(Random(1))) + "\n")
    began = time.monotonic()
    seconds: dict[str, float] = {}
    command.run("init", "shop", "--from", "orders.csv", "--label", "fraud", "--entity", "customer_id")
    seconds["init"] = time.monotonic() - began
    shop = Command(command.program, folder / "shop")
    shop.run("check")
    seconds["check"] = time.monotonic() - began
    with shop.up(folder / "up.log") as addresses:
        seconds["up"] = time.monotonic() - began
        shop.run("push", "../orders.csv", "--model", "orders", "--with-labels")
        seconds["pushed"] = time.monotonic() - began
        answer = until(lambda: ask(addresses["serve"]), ANSWER_S, "the model answers")
        seconds["answered"] = time.monotonic() - began
        shop.run("status", "--json")
    rounded = {name: round(value, 1) for name, value in seconds.items()}
    print(json.dumps({"python": sys.version.split()[0], "version": answer["version"], "seconds": rounded}))


class Command:
    """The installed command in a folder, with nothing of whoever runs this."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMILL_", "PYTHON"))}

    def run(self, *arguments: str) -> None:
        """Runs it to its end; ends this program where it fails."""
        done = subprocess.run(
            [str(self.program), *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"tidemill {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")

    @contextmanager
    def up(self, log: Path) -> Iterator[dict[str, str]]:
        """`tidemill up` while the block runs; gives the address of each part."""
        facts = self.folder / "var" / "run" / "platform.json"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(self.program), "up"], cwd=self.folder, env=self.env, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            until(lambda: facts.exists() or process.poll() is not None, START_S, "the platform is up")
            if process.poll() is not None:
                raise SystemExit(f"tidemill up ended\n{log.read_text()}")
            parts = json.loads(facts.read_text())["processes"]
            yield {name: part["url"] for name, part in parts.items()}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)


def ask(address: str) -> dict[str, Any] | None:
    """The model's answer; None while no version serves."""
    body = json.dumps(ASKED | {"placed_at": "2026-11-30T10:00:00Z", "channel": "web", "is_gift": False}).encode()
    request = urllib.request.Request(
        f"{address}/v1/models/orders/predict", body, {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code in (404, 503):
            return None
        raise


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`, looked for until the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)
    return value


def orders(random: Random) -> Iterator[str]:
    """A file of orders: times, numbers, categories, nulls and a truth; a few percent are fraud."""
    yield "order_id,placed_at,customer_id,amount,items,distance_km,country,channel,is_gift,fraud"
    at = datetime(2026, 9, 1, tzinfo=UTC)
    for number in range(ROWS):
        at += timedelta(seconds=random.randint(60, 1_800))
        amount, country = round(random.lognormvariate(4, 1), 2), random.choice(["DE", "FR", "US", "GB", "PL"])
        chance = 1 / (1 + math.exp(4.6 - 0.008 * amount - (1.2 if country == "US" else 0)))
        distance = "" if random.random() < 0.05 else round(random.expovariate(1 / 200), 1)
        fraud, gift = ("yes" if random.random() < chance else "no"), random.choice(["true", "false"])
        yield (
            f"o-{number},{at.isoformat().replace('+00:00', 'Z')},c-{random.randint(1, 900)},{amount},"
            f"{random.randint(1, 9)},{distance},{country},{random.choice(['web', 'app', 'phone'])},{gift},{fraud}"
        )


if __name__ == "__main__":
    main()
