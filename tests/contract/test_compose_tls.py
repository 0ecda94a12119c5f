"""Compose by TLS: the files beside docker-compose.yml are about the same doors, and the script makes what they need."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.processes.programs import program
from tidemill.web.tls.files import TlsFiles
from tidemill.web.tls.pair import load_pair

ROOT = Path(__file__).resolve().parents[2]
ONCE = {"keys", "topics"}
"""Those that end, and have no door."""


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_every_process_of_ours_that_stays_up_has_the_certificate() -> None:
    base, beside = read("docker-compose.yml")["services"], read("docker-compose.tls.yml")["services"]
    ours = {name for name, one in base.items() if one.get("image", "").startswith("tidemill/")} - ONCE - {"mlflow"}
    assert set(beside) == ours | {"prometheus"}
    for name in ours:
        assert beside[name]["environment"].keys() == {"TIDEMILL_TLS_CERTIFICATE", "TIDEMILL_TLS_KEY"}
    config, *others = beside["prometheus"]["command"]
    assert config == "--config.file=/etc/prometheus/prometheus.tls.yml"
    assert others == base["prometheus"]["command"][1:]


def test_prometheus_asks_the_same_doors_by_tls() -> None:
    plain, by_tls = read("deploy/prometheus/prometheus.yml"), read("deploy/prometheus/prometheus.tls.yml")
    for job in plain["scrape_configs"]:
        if job["job_name"] != "machine":
            job |= {"scheme": "https", "tls_config": {"ca_file": "/run/tls/ca.crt", "server_name": "tidemill"}}
    assert by_tls == plain


@pytest.mark.needs("promtool")
def test_prometheus_takes_that_file() -> None:
    command = [program("promtool"), "check", "config", "--syntax-only", "deploy/prometheus/prometheus.tls.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.needs("openssl")
def test_the_script_makes_a_certificate_that_holds_and_renews_it_by_the_same_authority(tmp_path: Path) -> None:
    script = tmp_path / "deploy/compose/make-certificate.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/compose" / script.name, script)
    served = script.parent / "tls" / "served"

    def made() -> tuple[bytes, bytes]:
        done = subprocess.run(["sh", str(script), "tide.example.org"], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return (served / "ca.crt").read_bytes(), load_pair(TlsFiles(served / "tls.crt", served / "tls.key")).digest

    (authority, first), (again, second) = made(), made()
    assert authority == again
    assert first != second
    pair = load_pair(TlsFiles(served / "tls.crt", served / "tls.key"))
    assert set(pair.names) == {"localhost", "tidemill", "ingest", "inference-serve", "tide.example.org", "127.0.0.1"}
    assert (served.parent.stat().st_mode & 0o777, served.stat().st_mode & 0o777) == (0o700, 0o755)
    assert (served.parent / "authority.key").stat().st_mode & 0o077 == 0
    answered(pair.context, ssl.create_default_context(cafile=served / "ca.crt"))


def answered(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """A handshake in memory; raises where the client does not believe the server."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(down, up, server_hostname="tide.example.org")
    serves = server.wrap_bio(up, down, server_side=True)
    for side in (asks, serves, asks, serves):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert asks.version() == serves.version() == "TLSv1.3"
