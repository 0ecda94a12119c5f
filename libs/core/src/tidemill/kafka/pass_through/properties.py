"""Java's `client.properties`: its syntax, and its clients' names in librdkafka's words.

Syntax: java.util.Properties.load (Java SE API). Names: Apache Kafka's client configuration against
librdkafka's CONFIGURATION.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tidemill.errors import ConfigError

__all__ = ["parse_properties", "read_plain_properties", "read_properties", "to_librdkafka"]

_ALIASES: Final = {
    "sasl.mechanisms": "sasl.mechanism",
    "request.required.acks": "acks",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "compression.codec": "compression.type",
    "queue.buffering.max.ms": "linger.ms",
    "metadata.broker.list": "bootstrap.servers",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "sasl.oauthbearer.client.credentials.client.id": "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.secret": "sasl.oauthbearer.client.secret",
    "max.poll.records": "",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "max.request.size": "message.max.bytes",
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "max.partition.fetch.bytes": "max.partition.fetch.bytes",
    "buffer.memory": "",
}
"""Java's name, or a second name of librdkafka's, to librdkafka's; empty where it has no counterpart here."""
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_JAAS_OPTION: Final = re.compile(r"(\w+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([^\s;]+))")
_PEM_FILES: Final = (".pem", ".crt", ".cer", ".cert", ".key")


def read_properties(path: Path) -> dict[str, str]:
    """The settings of a file, under librdkafka's names. Raises ConfigError where it cannot be read or has a
    store that only Java reads.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"TIDEMILL_KAFKA_PROPERTIES: {path} cannot be read: {_why(error)}") from None
    return to_librdkafka(parse_properties(text))


def read_plain_properties(path: Path) -> dict[str, str]:
    """The settings of a file under the names that stand there. Raises ConfigError where it cannot be read."""
    try:
        return parse_properties(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {_why(error)}") from None


def parse_properties(text: str) -> dict[str, str]:
    """Names and values as `java.util.Properties` reads them: comments, continued lines, escapes."""
    found: dict[str, str] = {}
    logical = ""
    for raw in text.splitlines():
        line = raw.lstrip()
        if not logical and (not line or line[0] in "#!"):
            continue
        logical += line
        if (len(line) - len(line.rstrip("\\"))) % 2:  # an odd number of backslashes: the line goes on
            logical = logical[:-1]
            continue
        name, value = _split(logical)
        found[name] = value
        logical = ""
    return found


def to_librdkafka(given: dict[str, str]) -> dict[str, str]:
    """Settings under librdkafka's names; JAAS lines and Java's PEM stores are taken apart."""
    result: dict[str, str] = {}
    for name, value in given.items():
        if name == "sasl.jaas.config":
            result |= _jaas(value)
        elif name in ("ssl.truststore.location", "ssl.keystore.location"):
            result |= _store(name, value)
        elif name == "ssl.truststore.password":
            continue  # a PEM file has none
        elif name == "ssl.keystore.password" and not _is_pkcs12(given.get("ssl.keystore.location", "")):
            continue
        elif (known := _ALIASES.get(name, name)) != "":
            result[known] = value
    if result.get("ssl.endpoint.identification.algorithm") == "":
        result["ssl.endpoint.identification.algorithm"] = "none"
    result.pop("sasl.login.callback.handler.class", None)
    result.pop("sasl.client.callback.handler.class", None)
    token = "sasl.oauthbearer.token.endpoint.url"
    if result.get("sasl.mechanism") == "OAUTHBEARER" and token in result:
        result.setdefault("sasl.oauthbearer.method", "oidc")
    return result


def _split(line: str) -> tuple[str, str]:
    match = re.match(r"((?:\\.|[^\s=:\\])+)\s*[=:]?\s*(.*)", line, re.DOTALL)
    assert match is not None or not line
    return (_unescape(match[1]), _unescape(match[2]).rstrip()) if match else ("", "")


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _ESCAPES.get(match[2], match[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", one, text, flags=re.DOTALL)


def _jaas(line: str) -> dict[str, str]:
    options = {m[1]: m[2] or m[3] or m[4] or "" for m in _JAAS_OPTION.finditer(line)}
    names = {
        "username": "sasl.username",
        "password": "sasl.password",
        "clientId": "sasl.oauthbearer.client.id",
        "clientSecret": "sasl.oauthbearer.client.secret",
        "scope": "sasl.oauthbearer.scope",
    }
    return {names[option]: value.replace('\\"', '"') for option, value in options.items() if option in names}


def _store(name: str, value: str) -> dict[str, str]:
    if value.lower().endswith(_PEM_FILES):
        if "truststore" in name:
            return {"ssl.ca.location": value}
        return {"ssl.certificate.location": value, "ssl.key.location": value}
    if "keystore" in name and _is_pkcs12(value):
        return {"ssl.keystore.location": value}
    raise ConfigError(
        f"{name}: {value} is a store that only Java reads. Write it as PEM (keytool -exportcert -rfc, or openssl "
        "pkcs12 -in STORE -nodes) and name it by ssl.ca.location, or ssl.certificate.location and ssl.key.location"
    )


def _is_pkcs12(path: str) -> bool:
    return path.lower().endswith((".p12", ".pfx"))


def _why(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
