"""Every service listens by one function: IPv4, IPv6 and names alike, and what cannot be says what to set."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from contextlib import closing

import pytest

from tidemill.errors import ConfigError
from tidemill.service import Health
from tidemill.service.server import Door, HealthServer
from tidemill.web.listening import address_of, listen


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


SIX = ["::1", "::"] if _has_ipv6() else []
"""A machine may be without."""
HOSTS = ["127.0.0.1", "localhost", "0.0.0.0", *SIX]


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_of_either_family_and_a_name_are_listened_on(host: str) -> None:
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    with listen(host, 0) as listener:
        port = listener.getsockname()[1]
        with closing(socket.create_connection((asked, port), timeout=5)):
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert address_of(host, listener) == (f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


@pytest.mark.parametrize("host", [host for host in HOSTS if host != "0.0.0.0"])
def test_health_is_answered_on_an_address_of_either_family(host: str) -> None:
    with HealthServer(Health(), Door(host=host)) as server:
        at = server.address.replace("[::]", "[::1]")
        with urllib.request.urlopen(f"{at}/health/live", timeout=5) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", *SIX[:1]])
def test_a_port_that_is_taken_is_told_with_its_address_and_the_cure(host: str) -> None:
    with listen(host, 0) as taken:
        address = address_of(host, taken).removeprefix("http://")
        for again in (listen, lambda host, port: HealthServer(Health(), Door(host=host, port=port))):
            with pytest.raises(ConfigError) as told:
                again(host, taken.getsockname()[1])
            assert str(told.value) == f"cannot listen on {address} (Address already in use): set TIDEMILL_PORT=0"


@pytest.mark.parametrize("host", ["203.0.113.9", "nowhere.invalid", "a..b", "[::1]", "1.2.3.4.5"])
def test_an_address_that_this_machine_does_not_have_is_told_with_the_setting_that_names_it(host: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on .*: set TIDEMILL_HOST to an address of this machine"):
        listen(host, 0)


def test_where_access_is_off_nothing_that_it_needs_is_imported() -> None:
    code = (
        "import sys\n"
        "from tidemill.access.open import open_access\n"
        "from tidemill.access.settings import AccessSettings\n"
        "assert open_access(AccessSettings(auth='off')) is None\n"
        "print([name for name in ('sqlalchemy', 'jwt', 'limits', 'redis') if name in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"
