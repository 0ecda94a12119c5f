"""What a refusal by the brokers means, and what a person does about it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from tidemill.errors import FatalError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

__all__ = ["ClientErrors", "advice", "explain", "without_errors"]

_log = logging.getLogger(__name__)

_ADVICE: Final = {
    "_AUTHENTICATION": "the brokers refuse the credentials: check TIDEMILL_KAFKA_SASL_MECHANISM, _SASL_USERNAME and "
    "_SASL_PASSWORD_FILE (or the client certificate)",
    "SASL_AUTHENTICATION_FAILED": "the brokers refuse the credentials: check TIDEMILL_KAFKA_SASL_USERNAME and "
    "_SASL_PASSWORD_FILE",
    "UNSUPPORTED_SASL_MECHANISM": "the brokers do not offer this SASL mechanism: check TIDEMILL_KAFKA_SASL_MECHANISM",
    "_SSL": "TLS fails: check TIDEMILL_KAFKA_SSL_CA_LOCATION, the client certificate, and that the brokers' "
    "certificate names their address",
    "TOPIC_AUTHORIZATION_FAILED": "this principal may not use the topic: `tidemill topics plan --principal "
    "SERVICE=User:NAME` prints the ACLs it needs",
    "GROUP_AUTHORIZATION_FAILED": "this principal may not use the consumer group (READ): `tidemill topics plan "
    "--principal SERVICE=User:NAME` prints the ACLs it needs",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "this principal may not use the transactional id (WRITE, DESCRIBE): "
    "`tidemill topics plan --principal SERVICE=User:NAME` prints the ACLs it needs",
    "CLUSTER_AUTHORIZATION_FAILED": "this principal may not do that on the cluster: `tidemill topics apply` writes a "
    "script for whoever may",
}


def advice(name: str) -> str | None:
    """What to do about an error of Kafka's, by its name; None where it is no refusal."""
    return _ADVICE.get(name)


def explain(error: KafkaError) -> str:
    """Kafka's words, and what to do where it is a refusal."""
    found = advice(error.name())
    return f"{error.str()}. {found[0].upper()}{found[1:]}" if found else error.str()


def without_errors(messages: Iterable[Message], what: str) -> list[Message]:
    """The records among what `consume` gave `what`; an error that passes is logged. Raises FatalError where Kafka says
    that going on is no use.
    """
    from confluent_kafka import KafkaError

    records = []
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.fatal():
            raise FatalError(f"Kafka refuses {what}: {explain(error)}")
        elif error.code() != KafkaError._AUTO_OFFSET_RESET:  # that is for who finds the place to go on
            _log.warning("%s: %s", what, explain(error))
    return records


class ClientErrors:
    """A client's `error_cb`: logs, and remembers a refusal, which no call of the client ever tells.

    librdkafka tries a wrong password for ever and lets calls time out; only this callback knows why.
    """

    def __init__(self, logger: logging.LoggerAdapter[logging.Logger]) -> None:
        self._logger = logger
        self.refused: str | None = None

    def __call__(self, error: KafkaError) -> None:
        if error.name() in ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "_SSL"):
            self.refused = explain(error)
        self._logger.warning("%s", explain(error))
