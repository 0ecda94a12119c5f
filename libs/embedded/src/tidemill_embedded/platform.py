"""The whole platform on this machine: Kafka, the services, and what a caller needs to talk to them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tidemill_embedded import services as parts
from tidemill_embedded.broker.broker import Broker
from tidemill_embedded.errors import PlatformError
from tidemill_embedded.options import PlatformOptions
from tidemill_embedded.ports import HOST, Ports, is_listening
from tidemill_embedded.processes.supervisor import ProcessSpec, Supervisor
from tidemill_embedded.run_file import RunFile, remove_data
from tidemill_embedded.start.coming_up import ComingUp
from tidemill_embedded.start.probe import answers

if TYPE_CHECKING:
    from tidemill.service.renewal.watch import ContractWatch

__all__ = ["Platform", "PlatformOptions", "remove_data"]


class Platform:
    """The platform of one data folder.

    `root` is the checkout (`schemas/`, `models/`); `var` the data folder, where everything is kept and found
    again at the next start; `options` the rest (`PlatformOptions`).

    Names: broker (embedded only), ingest, validator, serve, stream, trainer, profile, detect, mlflow (only
    where asked for).

        with Platform(root, var, PlatformOptions(models=["flight-delay"])) as platform:
            platform.start(progress=print)
            platform.addresses["ingest"]          # http://127.0.0.1:8081
            platform.kill("validator")            # comes back
    """

    def __init__(self, root: Path, var: Path, options: PlatformOptions | None = None) -> None:
        options = options or PlatformOptions()
        self.root = root.resolve()
        self.var = var.resolve()
        self.models = tuple(options.models)
        self.prefix = options.prefix
        self.addresses: dict[str, str] = {}
        """URL by service name once `start` has chosen ports."""
        self._certificates: dict[str, Path] = {}
        self.logs: dict[str, Path] = {}
        self.settings: dict[str, str] = {}
        """The TIDEMILL_* variables that the services share: what another process needs to talk to this
        platform.
        """
        self._kafka = kafka = options.kafka
        self._partitions = options.partitions
        self._overrides = dict(options.env_overrides)
        self._service_env = {name: dict(env) for name, env in options.service_env.items()}
        self._mlflow = options.mlflow_server
        self._ports = Ports()
        start = options.start
        self._broker = None if kafka else Broker(self.var / "kafka", parts.BROKER_PORT, ports=self._ports, start=start)
        self._run_file = RunFile(self.var)
        self._supervisor = Supervisor(self.root, options.policy, on_news=options.on_news, on_start=self._started)
        self._started_at = 0.0
        self._coming_up = ComingUp(self._supervisor, start)
        self._contract: ContractWatch | None = None
        self._on_models = options.on_models

    @property
    def bootstrap(self) -> str:
        """Kafka's HOST:PORT."""
        return self._kafka or (self._broker.bootstrap if self._broker else "")

    @property
    def broker_name(self) -> str:
        """Name and version, such as `Apache Kafka 4.1.1 (embedded)`."""
        return f"Apache Kafka {self._broker.version} (embedded)" if self._broker else f"Kafka at {self._kafka}"

    def start(
        self, progress: Callable[[str], None] = lambda text: None, *, stop: threading.Event | None = None
    ) -> Platform:
        """Starts everything and returns when all processes live; inference may still be without a model (not
        ready). Setting `stop` from elsewhere, as a signal handler does, ends the start. Each part is waited for as
        long as it shows signs of life (`StartSettings`).

        Raises:
            StartInterrupted: `stop` was set.
            PlatformError: something cannot start or hangs, or another platform has the folder. In both cases nothing
            is left running.
        """
        self._coming_up.interrupt, self._coming_up.progress = stop or self._coming_up.interrupt, progress
        self._run_file.acquire()
        try:
            self._start_kafka(progress)
            self._create_topics(progress)
            self._contract = self._follow_models()
            self._start_services(progress)
        except BaseException:
            self.stop()
            raise
        return self

    def _start_kafka(self, progress: Callable[[str], None]) -> None:
        if self._broker is None:
            host, _, port = str(self._kafka).split(",")[0].rpartition(":")
            if not (host and port.isdigit() and is_listening(host, int(port), 5.0)):
                raise PlatformError(f"no Kafka answers at {self._kafka}. Is KAFKA=HOST:PORT right, and does it run?")
            return
        self._broker.prepare(progress)
        progress(f"starting {self.broker_name} on {self.bootstrap}")
        self.logs["broker"] = self._broker.log
        console = self._broker.dir / "console.log"
        self._supervisor.add(ProcessSpec("broker", self._broker.command, dict(os.environ), console, last=True))
        self._coming_up.until(self._broker.ready, "broker", self._broker.log, console)

    def _create_topics(self, progress: Callable[[str], None]) -> None:
        from tidemill.contracts.topics import TopicCatalog
        from tidemill.contracts.usable import usable_models
        from tidemill.kafka.client.clients import admin
        from tidemill.kafka.client.topics import ensure_topics
        from tidemill.settings import CommonSettings
        from tidemill_embedded.histories import keep_histories
        from tidemill_embedded.signing_keys import prepare_signing

        self.settings = parts.platform_settings(
            self.root, self.var, self.models, self.bootstrap, self.prefix, self._partitions
        )
        self.settings |= {name: value for name, value in self._overrides.items() if name.startswith("TIDEMILL_")}
        prepare_signing(self.settings, progress)
        schemas = Path(self.settings["TIDEMILL_SCHEMAS"])
        models, refused = usable_models(Path(self.settings["TIDEMILL_MODELS_DIR"]), schemas, self.models)
        for error in refused:
            progress(f"a model is refused, the others work: {error}")
        progress(f"creating topics for {', '.join(sorted(models))}")
        catalog = TopicCatalog.load(schemas, self.prefix, models)
        settings = CommonSettings(kafka_bootstrap=self.bootstrap, prefix=self.prefix)
        replication = int(self.settings.get("TIDEMILL_REPLICATION_FACTOR", settings.replication_factor))
        partitions = int(self.settings["TIDEMILL_PARTITIONS"])
        client = admin(settings)
        logs = [self._broker.log] if self._broker else []
        # On a busy machine one that has just begun to listen may not answer in time, nor a new partition have a leader.
        self._coming_up.until_works(
            lambda: ensure_topics(client, catalog, models, partitions, replication=replication), "broker", *logs
        )
        self._coming_up.until_works(
            lambda: keep_histories(settings, catalog, models, schemas, progress), "broker", *logs
        )

    def _start_services(self, progress: Callable[[str], None]) -> None:
        specs = [self._spec(service) for service in parts.SERVICES]
        pages = [self._mlflow_spec()] if self._mlflow else []
        for name, (preferred, given) in self._ports.changed.items():
            progress(f"port {preferred} is taken: {name} is on {given}")
        self._start_all(specs, progress)
        if pages:
            # The trainer makes MLflow's database; a server that starts beside it would make the same tables.
            self.until_ready("trainer")
            self._start_all(pages, progress)
        self._started_at = time.time()
        self._run_file.write(self.facts())

    def _follow_models(self) -> ContractWatch:
        """A new model file has its topics made; each service takes it up by itself."""
        from tidemill_embedded.renewal import follow_models

        return follow_models(self.settings, self._on_models)

    def _start_all(self, specs: list[ProcessSpec], progress: Callable[[str], None]) -> None:
        progress(f"starting {', '.join(spec.name for spec in specs)}")
        for spec in specs:
            self.logs[spec.name] = spec.log
            self._supervisor.add(spec)
        for spec in specs:
            self._coming_up.until_answers(spec.name, str(spec.url), spec.log, self._certificates.get(spec.name))

    def _spec(self, service: parts.Service) -> ProcessSpec:
        port = self._ports.take(service.name, service.port)
        overrides = self._overrides | self._service_env.get(service.name, {})
        env = parts.service_environment(self.settings, port, overrides)
        certificate = parts.certificate_in(env, self.root)
        if certificate is not None:
            self._certificates[service.name] = certificate
        self.addresses[service.name] = f"{'https' if certificate else 'http'}://{HOST}:{port}"
        log = self.var / "logs" / f"{service.name}.log"
        url = f"{self.addresses[service.name]}/health/live"
        return ProcessSpec(service.name, parts.service_command(service), env, log, url)

    def _mlflow_spec(self) -> ProcessSpec:
        port = self._ports.take("mlflow", parts.MLFLOW_PORT)
        self.addresses["mlflow"] = f"http://{HOST}:{port}"
        env = parts.FRUGAL | parts.MLFLOW_ENV | dict(os.environ)
        log = self.var / "logs" / "mlflow.log"
        return ProcessSpec(
            "mlflow", parts.mlflow_command(self.var, port), env, log, f"{self.addresses['mlflow']}/health"
        )

    def until_ready(self, name: str) -> None:
        """Waits until a service says that it is ready for work; raises as `start` does, from whose `stop` it hears
        too.
        """
        self._coming_up.until_answers(name, self._probe(name, "ready"), self.logs[name], self._certificates.get(name))

    def stop(self) -> None:
        """Ends everything within 20 s, services before the broker, and lets the folder go. Further calls do
        nothing.
        """
        if self._contract is not None:
            self._contract.close()
        self._supervisor.stop()
        self._run_file.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until the platform ends by itself; whether it has. Raises PlatformError where it has given up."""
        ended = self._supervisor.wait(timeout_s)
        self.check()
        return ended

    def check(self) -> None:
        """Raises PlatformError, with the log's last lines, where a process failed for good and took the
        platform down.
        """
        self._supervisor.check()

    def pids(self) -> dict[str, int]:
        """Process ids by name of what runs now, without children of theirs."""
        return self._supervisor.pids()

    @property
    def restarts(self) -> dict[str, int]:
        """How often each process was started again."""
        return self._supervisor.restarts()

    @property
    def overdue(self) -> list[str]:
        """After `stop`: processes that did not end when asked to and had to be killed."""
        return list(self._supervisor.overdue)

    def kill(self, name: str) -> int:
        """SIGKILL to a process and what it started; the supervisor brings it back. Returns the pid."""
        return self._supervisor.kill(name)

    def live(self, name: str) -> bool:
        """Whether a service answers its liveness probe now."""
        return answers(self._probe(name, "live"), self._certificates.get(name))

    def ready(self, name: str) -> bool:
        """Whether a service says that it is ready for work now: inference only with a warm model."""
        return answers(self._probe(name, "ready"), self._certificates.get(name))

    def _probe(self, name: str, kind: str) -> str:
        return f"{self.addresses[name]}/health" + ("" if name == "mlflow" else f"/{kind}")

    def delete_topics(self) -> list[str]:
        """Deletes this platform's topics and groups from another's cluster, by prefix; call it after the
        services ended.
        """
        from tidemill.settings import KafkaSettings
        from tidemill_embedded.cleanup import delete_prefixed

        return delete_prefixed(KafkaSettings(kafka_bootstrap=self.bootstrap, prefix=self.prefix))

    def _started(self, name: str, pid: int) -> None:
        if self._started_at:  # one came back, with a new pid
            self._run_file.write(self.facts())

    def facts(self) -> dict[str, Any]:
        """What `platform.json` holds: broker, settings, and pid, address, log and certificate of each process."""
        pids = self.pids()
        processes = {
            name: {"pid": pids.get(name), "url": self.addresses.get(name), "log": str(log)}
            | ({"certificate": str(self._certificates[name])} if name in self._certificates else {})
            for name, log in self.logs.items()
        }
        return {
            "pid": os.getpid(),
            "started_at": self._started_at,
            "broker": {"name": self.broker_name, "bootstrap": self.bootstrap},
            "settings": self.settings,
            "processes": processes,
        }

    def __enter__(self) -> Platform:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
