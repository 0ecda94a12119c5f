"""Prometheus and Alertmanager beside a test, as shipped: in rules and configurations only addresses are changed, and
what a test would wait for a minute where it says so.

They are Debian's (`tests/support/processes/programs.py`).
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import httpx
import yaml

from tests.support.polling import until
from tests.support.processes.programs import program
from tidemill_embedded.ports import Ports

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


class Alerts(Protocol):
    """What fires. Labels are those of the rule, `alertname` among them."""

    def firing(self, labels: dict[str, str]) -> bool:
        """Whether an alert with exactly these of its labels fires now."""
        ...

    def exemplars(self, metric: str) -> set[str]:
        """The trace ids to which points of a metric lead."""
        ...

    def told(self, labels: dict[str, str]) -> bool:
        """Whether whoever is to be told of alerts knows of such a one, and not yet of its end."""
        ...


@contextmanager
def monitoring(job: str, addresses: Sequence[str], folder: Path, at_once: Collection[str] = ()) -> Iterator[Alerts]:
    """Watch over processes that serve /metrics at `addresses`, as the scrape job `job`. The alerts in `at_once` do not
    wait for what holds to hold on (`for`).
    """
    with Monitored(program("prometheus"), program("alertmanager"), job, addresses, folder, at_once) as alerts:
        yield alerts


class Monitored:
    """The real ones, as processes; what Alertmanager tells comes to a web hook here."""

    def __init__(
        self, prometheus: str, alertmanager: str, job: str, addresses: Sequence[str], folder: Path,
        at_once: Collection[str],
    ) -> None:  # fmt: skip
        self._programs = (prometheus, alertmanager)
        self._folder = folder
        self._at_once = at_once
        self._job, self._addresses = job, [address.removeprefix("http://") for address in addresses]
        self._told: dict[frozenset[tuple[str, str]], bool] = {}
        self._stack = ExitStack()
        ports = Ports()
        self._prometheus, self._alertmanager = (f"127.0.0.1:{ports.take(name)}" for name in ("prometheus", "alerts"))

    def __enter__(self) -> Monitored:
        hook = self._stack.enter_context(_hook(self._told))
        self._start_alertmanager(hook)
        self._start_prometheus()
        for address in (self._prometheus, self._alertmanager):
            until(lambda a=address: _answers(f"http://{a}/-/ready"), 30, f"{address} is ready")  # type: ignore[misc]
        until(lambda: self._scraped() == len(self._addresses), 30, "everything is scraped")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def firing(self, labels: dict[str, str]) -> bool:
        alerts = self._ask("alerts")["alerts"]
        return any(labels.items() <= one["labels"].items() for one in alerts if one["state"] == "firing")

    def told(self, labels: dict[str, str]) -> bool:
        return any(fires and labels.items() <= one for one, fires in list(self._told.items()))

    def exemplars(self, metric: str) -> set[str]:
        found = self._ask("query_exemplars", query=metric, start=str(time.time() - 600), end=str(time.time() + 60))
        return {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}

    def _scraped(self) -> int:
        return sum(target["health"] == "up" for target in self._ask("targets")["activeTargets"])

    def _ask(self, what: str, **parameters: str) -> Any:
        return httpx.get(f"http://{self._prometheus}/api/v1/{what}", params=parameters, timeout=10).json()["data"]

    def _start_prometheus(self) -> None:
        document = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        document["rule_files"] = [str(self._rules() / "*.yml")]
        document["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [self._alertmanager]}]}]
        for job in document["scrape_configs"]:
            job["static_configs"] = [{"targets": self._addresses if job["job_name"] == self._job else []}]
        listen = f"--web.listen-address={self._prometheus}"
        compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())
        features = [one for one in compose["services"]["prometheus"]["command"] if one.startswith("--enable-feature")]
        self._start(0, "prometheus", document, f"--storage.tsdb.path={self._folder / 'tsdb'}", listen, *features)

    def _rules(self) -> Path:
        """The folder of the rules: the shipped ones, but for what does not wait."""
        shipped, own = DEPLOY / "prometheus" / "rules", self._folder / "rules"
        own.mkdir()
        for path in shipped.glob("*.yml"):
            document = yaml.safe_load(path.read_text())
            for rule in (rule for group in document["groups"] for rule in group["rules"]):
                if rule.get("alert") in self._at_once:
                    del rule["for"]
            (own / path.name).write_text(yaml.safe_dump(document))
        return own

    def _start_alertmanager(self, hook: str) -> None:
        document = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
        (receiver,) = document["receivers"]
        receiver["webhook_configs"] = [{"url": hook}]
        listen = [f"--web.listen-address={self._alertmanager}", "--cluster.listen-address="]
        self._start(1, "alertmanager", document, f"--storage.path={self._folder / 'alerts'}", *listen)

    def _start(self, which: int, name: str, document: Any, *arguments: str) -> None:
        configuration = self._folder / f"{name}.yml"
        configuration.write_text(yaml.safe_dump(document))
        with (self._folder / f"{name}.log").open("wb") as log:
            command = [self._programs[which], f"--config.file={configuration}", *arguments]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self._stack.callback(process.wait, 30)
        self._stack.callback(process.kill)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _hook(told: dict[frozenset[tuple[str, str]], bool]) -> Iterator[str]:
    """The address of a web hook that notes, for the labels of each alert it is told of, whether it fires."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.update({frozenset(one["labels"].items()): one["status"] == "firing" for one in document["alerts"]})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
