"""A broker that asks everybody who they are: SCRAM and OAUTHBEARER over TLS, mutual TLS, ACLs by StandardAuthorizer.

Its inner listener, on this machine alone, is a super user's without a login: the broker talks to itself through
it, and tests make users and rights by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.certificates import Certificates
from tidemill_embedded.broker.broker import Broker
from tidemill_embedded.ports import HOST, Ports

PASSWORD = "correct-horse-battery"
_JAAS = "org.apache.kafka.common.security"


class _Fixed(Ports):
    """The controller's port must be known before the listeners are written."""

    def __init__(self, controller: int) -> None:
        super().__init__()
        self._controller = controller

    def take(self, name: str, preferred: int = 0) -> int:
        return self._controller if name == "controller" else super().take(name, preferred)


@dataclass(frozen=True)
class Secured:
    """Addresses by way of logging in."""

    scram: str
    plain: str
    oauth: str
    mutual_tls: str
    inside: str
    certificates: Certificates
    folder: Path

    @cached_property
    def admin(self) -> AdminClient:
        """A super user's client; kept, for its answers die with it."""
        return AdminClient({"bootstrap.servers": self.inside, "log_level": 0})

    def add_user(self, name: str, password: str = PASSWORD) -> None:
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(name, scram, password.encode())
        for future in self.admin.alter_user_scram_credentials([change]).values():
            future.result(20)

    def variables(self, user: str, password: str = PASSWORD) -> dict[str, str]:
        """What a service is told to log in by SCRAM over TLS, its password in a file."""
        secret = self.folder / f"{user}.password"
        secret.write_text(password + "\n")
        return {
            "TIDEMILL_KAFKA_BOOTSTRAP": self.scram,
            "TIDEMILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "TIDEMILL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "TIDEMILL_KAFKA_SASL_USERNAME": user,
            "TIDEMILL_KAFKA_SASL_PASSWORD_FILE": str(secret),
            "TIDEMILL_KAFKA_SSL_CA_LOCATION": str(self.certificates.ca),
        }


def secured_broker(folder: Path, certificates: Certificates) -> tuple[Broker, Secured]:
    """A broker that is not started yet, and its addresses."""
    ports = Ports()
    names = ("SCRAM", "PLAIN", "OAUTH", "MTLS", "INSIDE", "CONTROLLER")
    port = {name: ports.take(name) for name in names}
    listeners = ",".join(f"{name}://{HOST}:{number}" for name, number in port.items())
    advertised = ",".join(f"{name}://{HOST}:{number}" for name, number in port.items() if name != "CONTROLLER")
    more = {
        "listeners": listeners,
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "SCRAM:SASL_SSL,PLAIN:SASL_SSL,OAUTH:SASL_SSL,MTLS:SSL,"
        "INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INSIDE",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.server_store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
        "listener.name.mtls.ssl.client.auth": "required",
    } | _logins()
    broker = Broker(folder, port=port["SCRAM"], ports=_Fixed(port["CONTROLLER"]), settings=more)
    at = {name: f"{HOST}:{number}" for name, number in port.items()}
    addresses = Secured(
        at["SCRAM"], at["PLAIN"], at["OAUTH"], at["MTLS"], at["INSIDE"], certificates, certificates.ca.parent
    )
    return broker, addresses


def _logins() -> Mapping[str, str]:
    enabled: dict[str, Any] = {
        ("scram", "SCRAM-SHA-512"): f"{_JAAS}.scram.ScramLoginModule required;",
        ("plain", "PLAIN"): f'{_JAAS}.plain.PlainLoginModule required user_alice="{PASSWORD}";',
        ("oauth", "OAUTHBEARER"): f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="unused";',
    }
    settings = {}
    for (listener, mechanism), jaas in enabled.items():
        settings[f"listener.name.{listener}.sasl.enabled.mechanisms"] = mechanism
        settings[f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config"] = jaas
    return settings
