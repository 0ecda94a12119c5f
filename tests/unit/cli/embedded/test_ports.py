"""Ports are the preferred ones where those are free."""

from __future__ import annotations

import socket

from tidemill_cli.embedded.ports import HOST, Ports, is_free, is_listening


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
