"""The description as aiokafka's arguments, which Faust's credentials are made of too."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tidemill.errors import ConfigError
from tidemill.kafka.pass_through.description import MSK_IAM, ClientSettings
from tidemill.kafka.pass_through.tokens import TokenSource, fetcher

__all__ = ["aiokafka_config", "tls_context"]

_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", MSK_IAM)
_NUMBERS: Final = {
    "metadata.max.age.ms": "metadata_max_age_ms",
    "connections.max.idle.ms": "connections_max_idle_ms",
    "retry.backoff.ms": "retry_backoff_ms",
}


def aiokafka_config(settings: ClientSettings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client. What aiokafka has no counterpart for (socket and fetch
    settings of librdkafka) is left out. Raises ConfigError for a mechanism or a store that it cannot do.
    """
    config: dict[str, Any] = {"security_protocol": settings.protocol}
    config |= {_NUMBERS[n]: int(value) for n, value in settings.values.items() if n in _NUMBERS}
    if settings.protocol.endswith("SSL"):
        config["ssl_context"] = tls_context(settings)
    mechanism = settings.mechanism
    if mechanism is None:
        return config
    if mechanism not in _MECHANISMS:
        raise ConfigError(
            f"SASL mechanism {mechanism} is not supported: ingest and detect have {', '.join(_MECHANISMS)}. Use one "
            "of these, or for a client certificate (security.protocol=SSL with ssl.certificate.location)"
        )
    if mechanism in ("OAUTHBEARER", MSK_IAM):
        provider = _provider(TokenSource(fetcher(settings)))
        return config | {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": provider}
    return config | {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": settings.get("sasl.username"),
        "sasl_plain_password": settings.get("sasl.password"),
    }


def tls_context(settings: ClientSettings) -> ssl.SSLContext:
    """TLS as the settings say; the machine's own authorities where they name none."""
    get = settings.values.get
    if get("ssl.keystore.location"):
        raise ConfigError(
            "ssl.keystore.location (PKCS#12) is not read by ingest and detect: turn it into PEM files (openssl pkcs12 "
            "-in STORE -nokeys -clcerts -out cert.pem; openssl pkcs12 -in STORE -nocerts -nodes -out key.pem) and name "
            "them by ssl.certificate.location and ssl.key.location"
        )
    try:
        context = ssl.create_default_context(cafile=get("ssl.ca.location"), cadata=get("ssl.ca.pem"))
        with _file(settings, "ssl.certificate") as certificate, _file(settings, "ssl.key") as key:
            if certificate is not None:
                context.load_cert_chain(certificate, key, get("ssl.key.password"))
        if ciphers := get("ssl.cipher.suites"):
            context.set_ciphers(ciphers)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        reason = settings.redact(str(error))
        raise ConfigError(f"the TLS settings (TIDEMILL_KAFKA_SSL_*) are not right: {reason}") from None
    if (get("ssl.endpoint.identification.algorithm") or "https").lower() == "none":
        context.check_hostname = False
    if (get("enable.ssl.certificate.verification") or "true").lower() == "false":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def _file(settings: ClientSettings, name: str) -> Iterator[str | None]:
    """A PEM's path; text is written to a file that only this user reads, for as long as OpenSSL needs it."""
    text = settings.get(f"{name}.pem")
    if text is None:
        yield settings.get(f"{name}.location")
        return
    handle, path = tempfile.mkstemp(suffix=".pem")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        yield path
    finally:
        Path(path).unlink()


def _provider(source: TokenSource) -> Any:
    from aiokafka.abc import AbstractTokenProvider

    class Provider(AbstractTokenProvider):  # type: ignore[misc]
        async def token(self) -> str:
            return (await asyncio.to_thread(source.token)).value

    return Provider()
