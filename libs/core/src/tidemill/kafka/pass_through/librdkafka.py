"""The description as librdkafka's (confluent-kafka's) configuration."""

from __future__ import annotations

from typing import Any

from tidemill.errors import ConfigError
from tidemill.kafka.pass_through.description import MSK_IAM, ClientSettings
from tidemill.kafka.pass_through.tokens import TokenSource, fetcher

__all__ = ["librdkafka_config"]


def librdkafka_config(settings: ClientSettings) -> dict[str, Any]:
    """Settings for any confluent-kafka client. Raises ConfigError, without values, for one that librdkafka
    does not know or take.
    """
    config: dict[str, Any] = {n: v for n, v in settings.values.items() if n not in ("aws.region",)}
    if settings.mechanism == MSK_IAM:
        config["sasl.mechanism"] = "OAUTHBEARER"
        source = TokenSource(fetcher(settings))
        config["oauth_cb"] = lambda _config: _answer(source)
    _probe(settings, config)
    return config


def _answer(source: TokenSource) -> tuple[str, float]:
    token = source.token()
    return token.value, token.expires_s


def _probe(settings: ClientSettings, config: dict[str, Any]) -> None:
    """Let librdkafka say now, in words, what it does not take; a client without addresses connects nowhere."""
    if not config:
        return
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        AdminClient({**config, "bootstrap.servers": "", "log_level": 0})
    except KafkaException as error:
        reason = settings.redact(error.args[0].str())
        if settings.mechanism == "GSSAPI" and "No provider" in reason:
            reason = (
                "confluent-kafka's wheels are built without Kerberos (GSSAPI): log in by SCRAM, OAUTHBEARER or a "
                "client certificate (security.protocol=SSL), or install a confluent-kafka that is built with libsasl2"
            )
        raise ConfigError(f"a Kafka client setting (TIDEMILL_KAFKA_*) is not right: {reason}") from None
