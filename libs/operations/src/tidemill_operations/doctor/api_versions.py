"""What requests a broker understands, asked in Kafka's own protocol; no login is needed for that.

ApiVersions v0 of the Kafka protocol guide: a request of 4-byte length, api key 18, version 0, correlation id,
client id; the answer is an error code and (key, least, most version) for each request.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable

from tidemill_operations.doctor.findings import Finding, fail, ok, warn

TIMEOUT_S = 5.0
ADD_PARTITIONS_TO_TXN, TXN_OFFSET_COMMIT, CONSUMER_GROUP_HEARTBEAT = 24, 28, 68
_ASK = struct.pack(">hhih", 18, 0, 1, -1)


def ask(address: str, tls: ssl.SSLContext | None) -> dict[int, int]:
    """Highest version by api key. Raises OSError where the broker is not there or speaks something else."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT_S) as plain:
        if tls is None:
            return _ask(plain)
        with tls.wrap_socket(plain, server_hostname=host.strip("[]")) as wrapped:
            return _ask(wrapped)


def _ask(connection: socket.socket) -> dict[int, int]:
    connection.sendall(struct.pack(">i", len(_ASK)) + _ASK)
    (length,) = struct.unpack(">i", _exactly(connection, 4))
    if not 10 <= length <= 65_536:
        raise OSError(f"an answer of {length} bytes: this is no Kafka listener, or it wants TLS")
    body = _exactly(connection, length)
    error, count = struct.unpack_from(">hi", body, 4)
    if error:
        raise OSError(f"Kafka's error {error}")
    return {key: most for key, _, most in struct.iter_unpack(">hhh", body[10 : 10 + 6 * count])}


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise OSError("the broker closed the connection: does it want TLS (security.protocol)?")
        data += part
    return data


def check_api_versions(versions: Iterable[tuple[str, dict[int, int]]], group_protocol: str) -> list[Finding]:
    """What the brokers' versions mean for us."""
    findings = []
    for address, most in versions:
        if most.get(TXN_OFFSET_COMMIT, -1) < 3:
            findings.append(
                fail("features", f"{address} has no transactional fencing by group (KIP-447)", "use Kafka 2.5 or later")
            )
            continue
        newer = "yes" if most.get(ADD_PARTITIONS_TO_TXN, 0) >= 5 else "no"
        new_groups = CONSUMER_GROUP_HEARTBEAT in most
        text = f"{address}: transactions with fencing yes, their second version (KIP-890) {newer}, "
        text += f"group protocol `consumer` (KIP-848) {'yes' if new_groups else 'no'}"
        if group_protocol == "consumer" and not new_groups:
            findings.append(fail("features", text, "set TIDEMILL_GROUP_PROTOCOL=classic, or use Kafka 4.0 or later"))
        else:
            findings.append(ok("features", text))
    return findings or [warn("features", "no broker was asked")]
