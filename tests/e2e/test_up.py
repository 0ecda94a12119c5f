"""`tidemill up`: one platform a folder, that survives a killed service and leaves nothing behind; here by TLS."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.certificates import Authority, ServerFiles
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.client import Client
from tidemill_embedded.services import SERVICES

START_S = 180
STOP_S = 20

COMMANDS_THAT_TELL = (
    ("status",),
    ("topics",),
    ("topics", "list"),
    ("models",),
    ("dlq", "list"),
    ("quality", "flight-delay"),
    ("release", "status"),
    ("keys", "list"),
)

pytestmark = pytest.mark.timeout(600)


def up(root: Path, var: Path, *arguments: str) -> subprocess.Popen[str]:
    command = ["up", "--root", str(root), "--var", str(var), "--no-mlflow", *arguments]
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    _, served = issued(var)
    env = os.environ | {"TIDEMILL_TLS_CERTIFICATE": str(served.certificate), "TIDEMILL_TLS_KEY": str(served.key)}
    return service_process.start(service_process.CLI, *command, env=env, cwd=root, **outputs)


@cache
def issued(var: Path) -> tuple[Path, ServerFiles]:
    """The authority that callers believe, and what the platform of this folder serves with."""
    authority = Authority(var.parent / "authority")
    return authority.ca, authority.issue("platform")


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture
def platform(root: Path, var: Path) -> Iterator[subprocess.Popen[str]]:
    process = up(root, var)
    until(lambda: facts(var) or process.poll() is not None, START_S, "the platform is up")
    assert process.poll() is None, process.communicate()[0]
    yield process
    process.kill()
    process.communicate()


def facts(var: Path) -> dict[str, Any]:
    path = var / "run" / "platform.json"
    return json.loads(path.read_text()) if path.exists() else {}


def pids(var: Path) -> dict[str, int]:
    return {name: part["pid"] for name, part in facts(var)["processes"].items()}


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def told(settings: dict[str, str], root: Path, *arguments: str) -> str:
    """What a command prints about the platform with these settings."""
    done = service_process.run(*arguments, env=os.environ | settings, cwd=root, timeout_s=120)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def unheard(root: Path, var: Path) -> set[str]:
    """Of which services `tidemill status` does not hear how they stand, or by which contract they work."""
    settings = facts(var)["settings"] | {"TIDEMILL_RUN_FILE": str(var / "run" / "platform.json")}
    stands = json.loads(told(settings, root, "status", "--json"))
    heard = {one["name"] for one in stands["processes"] if one["state"] in ("ready", "live, not ready")}
    return {service.name for service in SERVICES} - (heard & stands["model_files"]["processes"].keys())


def answers(url: str, var: Path) -> bool:
    trust = ssl.create_default_context(cafile=issued(var)[0])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200 and url.startswith("https://"))
    except OSError:
        return False


def stored_by_both_doors(root: Path, var: Path) -> tuple[int, int]:
    """How many events are stored that come to ingest's https, and by `tidemill push`. The client believes the authority
    and nobody else, and is told of all models by *serve*.
    """
    known = facts(var)
    event = json.loads((root / "schemas/examples/flight-delay.valid.json").read_text())
    doors = {name: known["processes"][name]["url"] for name in ("ingest", "serve")}
    with Client(ca_file=issued(var)[0], **doors) as client:
        by_https = client.push_events("flight-delay", event | {"event_id": "by-https"}).accepted
        assert "flight-delay" in {model.name for model in client.models()}
    sent = var / "events.jsonl"
    sent.write_text(json.dumps(event | {"event_id": "by-command"}) + "\n")
    by_command = told(known["settings"], root, "push", str(sent), "--model", "flight-delay", "--json")
    return by_https, sum(part["rows"] for part in json.loads(by_command)["stored"])


def test_a_platform_serves_survives_a_kill_refuses_a_second_one_and_stops_cleanly(
    platform: subprocess.Popen[str], root: Path, var: Path
) -> None:
    parts = facts(var)["processes"]
    assert set(parts) == {"broker", *(service.name for service in SERVICES)}
    for service in SERVICES:
        assert answers(f"{parts[service.name]['url']}/metrics", var), service.name

    until(lambda: not unheard(root, var), 60, lambda: f"status hears by TLS of {unheard(root, var)}", every=1)
    for command in COMMANDS_THAT_TELL:
        json.loads(told(facts(var)["settings"], root, *command, "--json"))
    assert max(map(len, told(facts(var)["settings"], root, "topics").splitlines())) > 80, "nothing is wrapped in a pipe"

    assert stored_by_both_doors(root, var) == (1, 1)

    second = up(root, var)
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 2
    assert f"pid {platform.pid}" in said

    os.kill(parts["validator"]["pid"], signal.SIGKILL)
    until(lambda: pids(var)["validator"] not in (parts["validator"]["pid"], None), 60, "the validator is back")
    until(lambda: answers(f"{parts['validator']['url']}/health/live", var), 60, "the validator lives")

    running = pids(var)
    platform.send_signal(signal.SIGINT)
    said, _ = platform.communicate(timeout=STOP_S + 10)
    assert platform.returncode == 0, said
    assert "did not end in time" not in said
    shown = {service.name: parts[service.name]["url"] for service in SERVICES}
    assert all(f"{name} {url}" in " ".join(said.split()) for name, url in shown.items()), said
    assert not [name for name, pid in running.items() if alive(pid)]
    assert facts(var) == {}


def test_a_platform_that_is_killed_takes_its_processes_along(platform: subprocess.Popen[str], var: Path) -> None:
    running = pids(var)
    platform.kill()
    until(lambda: not [name for name, pid in running.items() if alive(pid)], 60, "all processes are gone")
