"""Every way of logging in, by confluent-kafka and by aiokafka with the same settings; and what a refusal says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from tests.broker.security.conftest import TokenServer
from tests.broker.security.secured import PASSWORD, Secured
from tests.support.kafka.workers import FunctionWorker
from tests.support.polling import until
from tidemill.errors import FatalError, RetryLater
from tidemill.kafka.client.clients import admin
from tidemill.kafka.client.publisher import ExclusiveWriter, Publisher
from tidemill.kafka.client.scan import scan
from tidemill.kafka.client.topics import partition_counts
from tidemill.kafka.pass_through.aio import aiokafka_config
from tidemill.kafka.runtime.config import RunnerConfig
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.service import Health
from tidemill.settings import KafkaSettings


def settings_of(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], prefix: str = "") -> KafkaSettings:
    with monkeypatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return KafkaSettings(prefix=prefix, transaction_timeout_ms=5_000)


def allow(secured: Secured, principal: str, kind: ResourceType, name: str, *operations: str) -> None:
    bindings = [
        AclBinding(
            kind, name, ResourcePatternType.LITERAL, principal, "*", AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        for operation in operations
    ]  # fmt: skip
    for future in secured.admin.create_acls(bindings).values():
        future.result(20)
    # The controller answers first; what a broker describes is what it judges by.
    theirs = AclBindingFilter(
        kind, name, ResourcePatternType.LITERAL, principal, "*", AclOperation.ANY, AclPermissionType.ALLOW
    )
    until(
        lambda: len(secured.admin.describe_acls(theirs).result(20)) >= len(bindings), 60, "the broker knows the rights"
    )


def make_topic(secured: Secured, name: str, principal: str | None = None) -> None:
    for future in secured.admin.create_topics([NewTopic(name, 2, 1)]).values():
        future.result(20)
    if principal is not None:
        allow(secured, principal, ResourceType.TOPIC, name, "READ", "WRITE", "DESCRIBE")


def write_and_read(settings: KafkaSettings, topic: str) -> None:
    """confluent-kafka and aiokafka each write a record, and each reads both."""
    with Publisher(settings, timeout_s=15) as publisher:
        publisher.publish(topic, b"by librdkafka", key=b"k")
    read = asyncio.run(_by_aiokafka(settings, topic))
    values = sorted(value for batch in scan(settings, topic) for value in batch.values if value)
    assert values == read == [b"by aiokafka", b"by librdkafka"]


async def _by_aiokafka(settings: KafkaSettings, topic: str) -> list[bytes]:
    connection: dict[str, Any] = aiokafka_config(settings.kafka_client)
    connection["bootstrap_servers"] = settings.kafka_bootstrap
    async with AIOKafkaProducer(**connection) as producer:
        await producer.send_and_wait(topic, b"by aiokafka", b"k")
    values: list[bytes] = []
    async with AIOKafkaConsumer(topic, auto_offset_reset="earliest", **connection) as consumer:
        async with asyncio.timeout(15):
            while len(values) < 2:
                values.append((await consumer.getone()).value)
    return sorted(values)


def test_scram_over_tls(secured: Secured, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secured.add_user("anna")
    make_topic(secured, f"{prefix}t", "User:anna")
    write_and_read(settings_of(monkeypatch, secured.variables("anna")), f"{prefix}t")


def test_plain_over_tls_from_a_file_of_javas(secured: Secured, prefix: str) -> None:
    make_topic(secured, f"{prefix}t", "User:alice")
    path = secured.folder / "client.properties"
    path.write_text(
        f"bootstrap.servers={secured.plain}\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="alice" password="{PASSWORD}";\n'
        f"ssl.truststore.type=PEM\nssl.truststore.location={secured.certificates.ca}\n"
    )
    write_and_read(KafkaSettings(kafka_properties=path), f"{prefix}t")


def test_mutual_tls(secured: Secured, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_topic(secured, f"{prefix}t", "User:CN=tidemill")
    given = {
        "TIDEMILL_KAFKA_BOOTSTRAP": secured.mutual_tls,
        "TIDEMILL_KAFKA_SECURITY_PROTOCOL": "SSL",
        "TIDEMILL_KAFKA_SSL_CA_LOCATION": str(secured.certificates.ca),
        "TIDEMILL_KAFKA_SSL_CERTIFICATE_LOCATION": str(secured.certificates.client_certificate),
        "TIDEMILL_KAFKA_SSL_KEY_LOCATION": str(secured.certificates.client_key),
    }
    write_and_read(settings_of(monkeypatch, given), f"{prefix}t")


def test_oauthbearer_with_tokens_of_an_openid_provider(
    secured: Secured, prefix: str, token_server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_topic(secured, f"{prefix}t", "User:robot")
    secret = secured.folder / "client.secret"
    secret.write_text("hush-hush\n")
    given = {
        "TIDEMILL_KAFKA_BOOTSTRAP": secured.oauth,
        "TIDEMILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "TIDEMILL_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "TIDEMILL_KAFKA_SASL_OAUTHBEARER_METHOD": "oidc",
        "TIDEMILL_KAFKA_SASL_OAUTHBEARER_CLIENT_ID": "tidemill",
        "TIDEMILL_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE": str(secret),
        "TIDEMILL_KAFKA_SASL_OAUTHBEARER_SCOPE": "kafka",
        "TIDEMILL_KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": token_server.url,
        "TIDEMILL_KAFKA_SSL_CA_LOCATION": str(secured.certificates.ca),
    }
    write_and_read(settings_of(monkeypatch, given), f"{prefix}t")
    assert {form["grant_type"][0] for form in token_server.asked} == {"client_credentials"}
    assert {form["scope"][0] for form in token_server.asked} == {"kafka"}
    assert len(token_server.asked) >= 2, "both libraries asked for a token"


def test_a_wrong_password_is_said_in_words_and_shown_nowhere(
    secured: Secured, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secured.add_user("bert")
    settings = settings_of(monkeypatch, secured.variables("bert", "wrong-wrong-wrong"))
    client = admin(settings)
    until(lambda: client.refused, 60, "the brokers refuse the password")
    with pytest.raises(RetryLater, match="SASL_PASSWORD_FILE"):
        partition_counts(client, ["any"], timeout_s=3)
    with pytest.raises(RetryLater, match="credentials"):
        ExclusiveWriter(settings, "any").open()
    assert "wrong-wrong-wrong" not in caplog.text


def test_a_topic_that_may_not_be_written_is_named_with_the_way_out(
    secured: Secured, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured.add_user("carl")
    make_topic(secured, f"{prefix}t")
    make_topic(secured, f"{prefix}other", "User:carl")
    allow(secured, "User:carl", ResourceType.TOPIC, f"{prefix}t", "DESCRIBE")
    settings = settings_of(monkeypatch, secured.variables("carl"))
    with pytest.raises(FatalError, match=r"topic .*topics plan --principal"), Publisher(settings) as publisher:
        publisher.publish(f"{prefix}t", b"x")


def test_a_writer_that_may_write_nowhere_is_told_so(
    secured: Secured, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured.add_user("gerd")
    make_topic(secured, f"{prefix}t")
    allow(secured, "User:gerd", ResourceType.TOPIC, f"{prefix}t", "DESCRIBE")
    settings = settings_of(monkeypatch, secured.variables("gerd"))
    with Publisher(settings, timeout_s=15) as publisher:
        for _ in range(2):
            with pytest.raises(FatalError, match=r"may write.*topics plan --principal"):
                publisher.publish(f"{prefix}t", b"x")


def test_a_transactional_id_that_is_not_allowed_ends_the_worker_with_the_way_out(
    secured: Secured, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured.add_user("dora")
    make_topic(secured, f"{prefix}t", "User:dora")
    settings = settings_of(monkeypatch, secured.variables("dora"))
    with pytest.raises(FatalError, match=rf"{prefix}release.*WRITE, DESCRIBE.*topics plan"):
        ExclusiveWriter(settings, f"{prefix}release").open()


def test_a_group_or_topic_that_is_not_allowed_makes_a_worker_wait_and_say_why(
    secured: Secured, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured.add_user("emil")
    topic, group, transaction = f"{prefix}t", f"{prefix}group", f"{prefix}worker"
    make_topic(secured, topic)
    allow(secured, "User:emil", ResourceType.TRANSACTIONAL_ID, transaction, "WRITE", "DESCRIBE")
    settings, stop, health = settings_of(monkeypatch, secured.variables("emil")), threading.Event(), Health()
    config = RunnerConfig(settings=settings, group=group, transactional_id=transaction, topics=[topic])
    runner = TransactionalRunner(config, FunctionWorker(lambda _: []), stop, health=health)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    try:
        until(lambda: "may not use the" in str(health.ready()), 60, "the worker says what is missing")
        allow(secured, "User:emil", ResourceType.TOPIC, topic, "READ", "DESCRIBE")
        allow(secured, "User:emil", ResourceType.GROUP, group, "READ")
        until(lambda: len(runner.assigned) == 2, 60, "given its rights, the worker works without a restart")
    finally:
        stop.set()
        thread.join(20)
