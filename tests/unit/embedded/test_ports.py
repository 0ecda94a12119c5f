"""Ports are the preferred ones where those are free."""

from __future__ import annotations

import socket
import subprocess
import sys

from tidemill_embedded.ports import CHOICE, HOST, Ports, is_free, is_listening

CHOOSES = """
import sys
from tidemill_embedded.ports import Ports
print(Ports().take("ingest", int(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def listening() -> socket.socket:
    server = socket.socket()
    server.bind((HOST, 0))
    server.listen()
    return server


def test_a_taken_port_is_replaced_and_remembered() -> None:
    ports = Ports()
    with listening() as server:
        preferred = server.getsockname()[1]
        assert is_listening(HOST, preferred)
        given = ports.take("ingest", preferred)
        assert given != preferred
        assert ports.changed == {"ingest": (preferred, given)}


def test_a_free_port_is_given_as_preferred() -> None:
    with listening() as server:
        preferred = server.getsockname()[1]
    ports = Ports()
    assert is_free(preferred)
    assert ports.take("ingest", preferred) == preferred
    assert ports.changed == {}


def test_no_port_is_given_twice() -> None:
    with listening() as server:
        preferred = server.getsockname()[1]
    ports = Ports()
    given = [ports.take(str(number), preferred) for number in range(20)]
    assert len(set(given)) == 20


def test_a_port_that_another_process_has_chosen_is_replaced_though_nothing_listens_there_yet() -> None:
    preferred = Ports().take("any") + 1
    command = [sys.executable, "-c", CHOOSES, str(preferred)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        chosen = int(other.stdout.readline())
        assert is_free(chosen)
        assert Ports().take("ingest", chosen) != chosen
        other.communicate()
    assert Ports().take("ingest", chosen) == chosen


def test_a_port_without_preference_is_none_that_the_system_gives_to_connections() -> None:
    assert Ports().take("any") in CHOICE
