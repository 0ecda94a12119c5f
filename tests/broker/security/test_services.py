"""All seven processes of the five services on a broker with TLS, logins and ACLs, each with its own principal and no
more rights than `tidemill topics plan` prints.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.broker.security.secured import Secured
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.kafka.client.scan import scan
from tidemill.settings import KafkaSettings
from tidemill_cli.app import cli
from tidemill_embedded.ports import Ports
from tidemill_embedded.services import SERVICES, service_command, service_environment

MODEL = "flight-delay"
OWNERS = {
    "ingest": "ingest", "validator": "validator", "serve": "inference", "stream": "inference", "trainer": "trainer",
    "profile": "drift", "detect": "drift",
}  # fmt: skip
REFUSED = ("AUTHORIZATION_FAILED", "uthorization failed", "may not use", "not authorized", "NotAuthorized")


class Platform:
    """The processes, by name, with their ports and logs."""

    def __init__(self, secured: Secured, prefix: str, root: Path, folder: Path) -> None:
        self.secured, self.prefix, self.folder, self.root = secured, prefix, folder, root
        self.ports: dict[str, int] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def shared(self) -> dict[str, str]:
        return {
            "TIDEMILL_PREFIX": self.prefix,
            "TIDEMILL_PARTITIONS": "2",
            "TIDEMILL_SCHEMAS": str(self.root / "schemas"),
            "TIDEMILL_MODELS_DIR": str(self.root / "models"),
            "TIDEMILL_MODELS": MODEL,
            "TIDEMILL_ARTIFACTS": (self.folder / "artifacts").as_uri(),
            "TIDEMILL_TABLES": (self.folder / "tables").as_uri(),
            "TIDEMILL_DATABASE_URL": f"sqlite:///{self.folder / 'tidemill.db'}",
            "TIDEMILL_MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
        }

    def start(self) -> None:
        ports = Ports()
        for service in SERVICES:
            self.ports[service.name] = ports.take(service.name)
            user = f"{self.prefix}{OWNERS[service.name]}"
            over = self.secured.variables(user) | {"TIDEMILL_LOG_FILE": str(self.log(service.name))}
            environment = service_environment(self.shared(), self.ports[service.name], over)
            command = service_command(service)
            self.processes[service.name] = subprocess.Popen(command, env=environment, cwd=self.folder)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def health(self, name: str, kind: str) -> bool:
        assert self.processes[name].poll() is None, f"{name} ended: {self.log(name).read_text()[-1500:]}"
        try:
            url = f"http://127.0.0.1:{self.ports[name]}/health/{kind}"
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def push(self, count: int) -> None:
        rows = [
            {
                "event_id": f"e{number}", "scheduled_at": "2013-01-28T05:15:00Z", "tail_number": f"N{number % 7}",
                "carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1400.0,
            }
            for number in range(count)
        ]  # fmt: skip
        url = f"http://127.0.0.1:{self.ports['ingest']}/v1/events/{MODEL}"
        body = "\n".join(json.dumps(row) for row in rows).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            assert answer.status == 202

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def platform(secured: Secured, prefix: str, root: Path, tmp_path: Path) -> Iterator[Platform]:
    made = Platform(secured, prefix, root, tmp_path)
    for service in {*OWNERS.values(), "cli"}:
        secured.add_user(f"{prefix}{service}")
    yield made
    made.stop()


def run(platform: Platform, variables: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The command line with these settings alone."""
    env = service_process.environment({}, inherit=False) | platform.shared() | variables
    answer = service_process.run(*arguments, env=env, timeout_s=120, cwd=platform.folder)
    return answer.returncode, answer.stdout + answer.stderr


def test_every_service_works_with_the_rights_that_the_plan_prints(platform: Platform) -> None:
    principals = [
        part
        for service in ("ingest", "validator", "trainer", "inference", "drift", "cli")
        for part in ("--principal", f"{service}=User:{platform.prefix}{service}")
    ]
    inside = {"TIDEMILL_KAFKA_BOOTSTRAP": platform.secured.inside}
    code, text = run(platform, inside, "topics", "apply", *principals)
    assert code == 0, text

    platform.start()
    for name in platform.processes:
        until(lambda name=name: platform.health(name, "live"), 90, f"{name} lives", every=0.5)
    until(lambda: platform.health("ingest", "ready"), 60, "ingest is connected", every=0.5)
    platform.push(200)
    settings = KafkaSettings(kafka_bootstrap=platform.secured.inside, prefix=platform.prefix)
    clean = f"{platform.prefix}{MODEL}-clean"
    until(lambda: sum(map(len, scan(settings, clean))) == 200, 60, "all events are clean", every=0.5)
    for name in ("validator", "trainer", "profile", "detect"):
        until(lambda name=name: platform.health(name, "ready"), 60, f"{name} is ready", every=0.5)
    for name in platform.processes:
        said = [line for line in platform.log(name).read_text().splitlines() if any(r in line for r in REFUSED)]
        assert not said, f"{name} was refused something: {said[:3]}"

    user = platform.secured.variables(f"{platform.prefix}cli")
    code, text = run(platform, user, "doctor")
    assert "SASL_SSL, SCRAM-SHA-512" in text
    assert code == 0, text
    assert platform.secured.variables("x")["TIDEMILL_KAFKA_SASL_PASSWORD_FILE"] not in text


def test_without_the_right_to_create_a_script_is_written_for_whoever_has_it(platform: Platform) -> None:
    user = platform.secured.variables(f"{platform.prefix}cli")
    code, text = run(platform, user, "topics", "apply", "--script", "todo.sh")
    assert code == 3, text
    assert "not done: create" in text
    script = (platform.folder / "todo.sh").read_text()
    assert f"--topic {platform.prefix}{MODEL}-raw" in script
    code, text = run(platform, user, "doctor")
    assert code == 1
    assert "may not be created by this principal" in text


def test_a_wrong_password_is_doctors_first_finding(platform: Platform) -> None:
    user = platform.secured.variables(f"{platform.prefix}cli", "never-the-right-one")
    code, text = run(platform, user, "doctor")
    assert code == 1
    assert "refuse the credentials" in text
    assert "never-the-right-one" not in text


def test_doctor_tells_which_groups_and_transactional_ids_a_service_may_not_use(platform: Platform) -> None:
    inside = {"TIDEMILL_KAFKA_BOOTSTRAP": platform.secured.inside}
    given = ("--principal", f"validator=User:{platform.prefix}validator")
    assert run(platform, inside, "topics", "apply", *given)[0] == 0
    asked = ("doctor", "--service", "validator", "--try-transactions")

    may = platform.secured.variables(f"{platform.prefix}validator")
    code, text = run(platform, may, *asked)
    assert code == 0, text
    assert "validator: may do all that it needs" in text
    assert f"transactional ids {platform.prefix}validator-* may be used" in text

    stranger = platform.secured.variables(f"{platform.prefix}ingest")
    code, text = run(platform, stranger, *asked)
    assert code == 1
    assert f"READ on group {platform.prefix}validator-*" in text
    assert f"transactional ids {platform.prefix}validator-*: " in text


def test_help_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_KAFKA_SASL_PASSWORD", "never-shown")
    for arguments in (["doctor", "--help"], ["topics", "plan", "--help"]):
        assert "never-shown" not in CliRunner().invoke(cli, arguments).output
