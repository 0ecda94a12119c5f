"""Everything that a soak runs: a broker behind a proxy, Redis, and one process of each kind on one platform."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import redis
import yaml

from tests.faults.harness.proxy import Proxy
from tests.faults.harness.recording import Fault
from tests.faults.harness.service import Service
from tests.faults.harness.world import MODEL, World
from tests.faults.soak.schedule import KINDS
from tests.support.polling import until
from tests.support.processes.programs import program
from tidemill_embedded.broker.broker import Broker

PARTITIONS = 4
START_S = 180.0
"""Seven processes that start at once, on a machine that may be busy."""
WITHOUT_VERSION = ("validator", "ingest", "profile", "detect", "trainer")
"""What is ready before a version serves."""
TRAINING = {"first_after": "400", "candidates": "[logistic_regression]", "budget": "5s"}
"""The first version comes after seconds; drift and quality ask for more."""
FENCED = 3
"""The exit code of a worker whose place was taken; whoever runs it starts it again."""
MEANT = "it ends, to be started again"
"""What a process says that ends because its Kafka client is of no use any more."""


class Redis:
    """A redis-server of Debian's that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._socket = folder, folder / "redis.sock"
        self._child: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        where = ["--unixsocket", str(self._socket), "--save", "", "--dir", str(self._folder)]
        with (self._folder / "redis.log").open("ab") as out:
            self._child = subprocess.Popen([program("redis-server"), "--port", "0", *where], stdout=out, stderr=out)
        until(self._answers, 20, "redis-server answers")

    def _answers(self) -> bool:
        if not self._socket.exists():
            return False
        with redis.Redis(unix_socket_path=str(self._socket)) as client:
            return bool(client.ping())

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(10)
            self._child = None


class Platform:
    """A context: within it the platform runs. `services`: by kind, its process now; `ended`: those that ended by
    themselves, with their exit codes, and were started again as an orchestrator would.
    """

    def __init__(self, root: Path, folder: Path, fault: Fault) -> None:
        self._root, self._folder, self._fault = root, folder, fault
        self.proxy = Proxy(fault.seed)
        self.broker = Broker(folder / "kafka", relay=self.proxy.port)
        self.redis = Redis(folder)
        self.services: dict[str, Service] = {}
        self.ended: list[str] = []
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Platform:
        try:
            self.redis.start()
            self.broker.start()
            self.proxy.upstream = self.broker.relayed_port
            self.world = World(
                self._root, self.broker.bootstrap, "", self._folder, self._fault, partitions=PARTITIONS,
                via=self.proxy.bootstrap, models_dir=self._models(),
            )  # fmt: skip
            for kind in KINDS:
                self.start(kind)
            for kind in WITHOUT_VERSION:
                self.services[kind].until_ready(START_S)
            until(self.services["serve"].has_begun, START_S, "serve answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        if hasattr(self, "world"):
            self.world.close()
        self.broker.stop()
        self.proxy.close()
        self.redis.kill()

    def _models(self) -> Path:
        """The model of the faults, with a training of its own."""
        folder = self._folder / "models"
        folder.mkdir()
        text = (self._root / "models" / f"{MODEL}.yaml").read_text()
        for key, value in TRAINING.items():
            text = re.sub(rf"(?m)^  {key}: .*$", f"  {key}: {value}", text)
            assert yaml.safe_load(text)["training"][key] == yaml.safe_load(value)
        (folder / f"{MODEL}.yaml").write_text(text)
        return folder

    def start(self, kind: str) -> Service:
        """A process of this kind, in the place of the one before, on its port."""
        given = {
            "tables": (self._folder / "tables").as_uri(),
            "database_url": f"sqlite:///{self._folder / 'tidemill.db'}",
            "mlflow_tracking_uri": f"sqlite:///{self._folder / 'mlflow.db'}",
            "redis_url": self.redis.url,
            "cache_models": MODEL,
        }
        service = self.world.start(kind, port=self._ports.get(kind, 0), **given)
        self._ports[kind] = service.port
        self.services[kind] = service
        return service

    def until_served(self) -> None:
        """A first version was trained of what came, and stream and serve have it."""
        for kind in ("serve", "stream"):
            self.services[kind].until_ready(START_S)

    def port(self, kind: str) -> int:
        return self._ports[kind]

    def tend(self) -> None:
        """Start again what has ended by itself."""
        for kind, service in self.services.items():
            if not service.ended_well():
                code = service.child.poll()
                self.ended.append(f"{kind}: {code}")
                self._fault.note(f"{kind} ended by itself with code {code}")
                assert code == FENCED or service.said(MEANT), f"{kind} ended with code {code}: {service.told()}"
                service.meant = True
                self.start(kind)

    def wait(self, seconds: float) -> None:
        """Time passes, and what ends is started again."""
        ends = time.monotonic() + seconds
        until(lambda: self.tend() or time.monotonic() >= ends, seconds + 60, "the time is over", every=0.25)
