"""A TCP proxy before one broker that can say what a broker says that was fenced a moment ago: there are no brokers.

It follows Kafka's frames (4 bytes length; a request then has API key, API version, correlation id; an answer the
correlation id). The broker's own port in answers is replaced by the proxy's, so that clients stay with it.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

_METADATA = 3
_NAME = b"127.0.0.1"
_ZERO_ID = bytes(16)
_LEADER_NOT_AVAILABLE = 5


class Forgetful:
    """Listens on a port of its own from the start until `close`. While `forgetful`, the answer to every question for
    metadata is without brokers; `answered` counts those answers.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        """`topic`: the one that is told of in answers without brokers, as one without a leader."""
        host, port = bootstrap.rsplit(":", 1)
        self._upstream = (host, int(port))
        self._topic = topic.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self.bootstrap = f"127.0.0.1:{self._port}"
        self.forgetful = False
        self.answered = 0
        threading.Thread(target=self._accept, name="forgetful", daemon=True).start()

    def cut(self) -> None:
        """Cut all connections that there are."""
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no more, and cut everything."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._upstream) as broker:
            self._sockets += [client, broker]
            threading.Thread(target=self._answers, args=(client, broker), daemon=True).start()
            while request := _frame(client):
                api, version, correlation = struct.unpack_from(">hhi", request)
                if api == _METADATA and self.forgetful:
                    client.sendall(_framed(self._without_brokers(version, correlation)))
                    self.answered += 1
                else:
                    broker.sendall(_framed(request))
            broker.shutdown(socket.SHUT_RDWR)

    def _answers(self, client: socket.socket, broker: socket.socket) -> None:
        theirs = _NAME + struct.pack(">i", self._upstream[1])
        with suppress(OSError):
            while answer := _frame(broker):
                client.sendall(_framed(answer.replace(theirs, _NAME + struct.pack(">i", self._port))))
            client.shutdown(socket.SHUT_RDWR)

    def _without_brokers(self, version: int, correlation: int) -> bytes:
        """Kafka's MetadataResponse of version 12 or 13: no brokers, controller -1, one topic without partitions."""
        assert version in (12, 13), f"the client asks for metadata of version {version}: write that form here"
        name = bytes([len(self._topic) + 1]) + self._topic
        topic = struct.pack(">h", _LEADER_NOT_AVAILABLE) + name + _ZERO_ID + b"\0\x01" + struct.pack(">i", -1) + b"\0"
        body = struct.pack(">i", 0) + b"\x01" + b"\0" + struct.pack(">i", -1) + b"\x02" + topic
        head = struct.pack(">i", correlation) + b"\0"
        return head + body + (struct.pack(">h", 0) if version == 13 else b"") + b"\0"


def _frame(one: socket.socket) -> bytes:
    """The next frame without its length; empty at the end."""
    head = _exactly(one, 4)
    return _exactly(one, struct.unpack(">i", head)[0]) if head else b""


def _framed(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def _exactly(one: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = one.recv(size - len(data))
        if not more:
            return b""
        data += more
    return data
