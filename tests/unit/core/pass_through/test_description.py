"""A person's client settings: where they come from, what is refused, and that no secret shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.errors import ConfigError
from tidemill.kafka.client.clients import admin, consumer_config, producer_config
from tidemill.kafka.pass_through import ClientSettings, load_client_settings
from tidemill.kafka.pass_through.properties import parse_properties
from tidemill.settings import KafkaSettings

SASL = {
    "TIDEMILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "TIDEMILL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "TIDEMILL_KAFKA_SASL_USERNAME": "validator",
}


def test_a_variable_is_librdkafkas_name_in_capitals() -> None:
    settings = load_client_settings({**SASL, "TIDEMILL_KAFKA_SASL_PASSWORD": "hush", "OTHER": "1"})
    assert settings.values["sasl.username"] == "validator"
    assert (settings.protocol, settings.mechanism) == ("SASL_SSL", "SCRAM-SHA-512")


def test_a_secret_comes_from_a_file_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hu sh\n")
    path = str(tmp_path / "password")
    assert load_client_settings({**SASL, "TIDEMILL_KAFKA_SASL_PASSWORD_FILE": path}).get("sasl.password") == "hu sh"
    with pytest.raises(ConfigError, match="both set"):
        both = {"TIDEMILL_KAFKA_SASL_PASSWORD_FILE": path, "TIDEMILL_KAFKA_SASL_PASSWORD": "x"}
        load_client_settings(SASL | both)
    with pytest.raises(ConfigError, match=r"PASSWORD_FILE: .*/none cannot be read"):
        load_client_settings({**SASL, "TIDEMILL_KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "none")})


def test_a_file_of_javas_says_the_same_in_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text(
        "# for all our programs\n"
        "bootstrap.servers=a:1,b:2\n"
        "security.protocol = SASL_SSL\n"
        "sasl.mechanism:SCRAM-SHA-256\n"
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
        '   username="alice" password="a=b;\\\\"c\\\\"";\n'
        "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\n"
        "ssl.endpoint.identification.algorithm=\n"
        "enable.auto.commit=false\nkey.serializer=org.X\n"
    )
    settings = load_client_settings({}, path)
    assert settings.values == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "alice",
        "sasl.password": 'a=b;"c"',
        "ssl.ca.location": "/ca.pem",
        "ssl.endpoint.identification.algorithm": "none",
    }


def test_the_environment_goes_over_the_file_and_the_files_brokers_are_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "client.properties"
    path.write_text("bootstrap.servers=a:1\nsocket.timeout.ms=5\n")
    monkeypatch.delenv("TIDEMILL_KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("TIDEMILL_KAFKA_SOCKET_TIMEOUT_MS", "9000")
    settings = KafkaSettings(kafka_properties=path)
    assert settings.kafka_bootstrap == "a:1"
    assert producer_config(settings)["socket.timeout.ms"] == "9000"
    assert KafkaSettings(kafka_properties=path, kafka_bootstrap="c:3").kafka_bootstrap == "c:3"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("ENABLE_IDEMPOTENCE", "false", "a retry writes a record twice"),
        ("ACKS", "1", "stored"),
        ("ISOLATION_LEVEL", "read_uncommitted", "aborted transactions"),
        ("ENABLE_AUTO_COMMIT", "true", "offsets are committed with the outputs"),
        ("PARTITIONER", "consistent_random", "murmur2"),
        ("TRANSACTIONAL_ID", "x", "TIDEMILL_INSTANCE"),
        ("GROUP_ID", "x", "its own group"),
        ("GROUP_PROTOCOL", "consumer", "TIDEMILL_GROUP_PROTOCOL"),
        ("SESSION_TIMEOUT_MS", "1", "TIDEMILL_SESSION_TIMEOUT_MS"),
    ],
)
def test_what_the_guarantees_rest_on_is_refused_by_name_with_the_reason(name: str, value: str, why: str) -> None:
    with pytest.raises(ConfigError, match=name.lower().replace("_", ".")) as refused:
        load_client_settings({f"TIDEMILL_KAFKA_{name}": value})
    assert why in str(refused.value)


def test_what_holds_anyway_may_stand_in_a_shared_file() -> None:
    given = {"TIDEMILL_KAFKA_ACKS": "all", "TIDEMILL_KAFKA_ENABLE_IDEMPOTENCE": "true"}
    assert load_client_settings(given).values == {}


def test_a_store_that_only_java_reads_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("security.protocol=SSL\nssl.truststore.location=/trust.jks\n")
    with pytest.raises(ConfigError, match="PEM"):
        load_client_settings({}, tmp_path / "p")


def test_half_a_login_is_refused_before_anything_connects() -> None:
    with pytest.raises(ConfigError, match="SASL_PASSWORD_FILE"):
        load_client_settings(SASL)
    with pytest.raises(ConfigError, match="SECURITY_PROTOCOL"):
        load_client_settings({"TIDEMILL_KAFKA_SASL_USERNAME": "x"})


def test_a_setting_that_librdkafka_does_not_know_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIDEMILL_KAFKA_FETSH_MIN_BYTES", "1")
    with pytest.raises(ConfigError, match="fetsh"):
        admin(KafkaSettings())


def test_a_persons_settings_go_over_ours_and_over_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_KAFKA_QUEUED_MAX_MESSAGES_KBYTES", "77")
    config = consumer_config(KafkaSettings(), "g", queued_max_messages_kbytes=5)
    assert config["queued.max.messages.kbytes"] == "77"


def test_no_secret_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SASL, "TIDEMILL_KAFKA_SASL_PASSWORD": "open-sesame"}.items():
        monkeypatch.setenv(name, value)
    settings = KafkaSettings()
    assert producer_config(settings)["sasl.password"] == "open-sesame"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.kafka_client)):
        assert "open-sesame" not in shown
    assert "open-sesame" not in settings.kafka_client.redact("bad: open-sesame")
    assert settings.model_copy().kafka_client.get("sasl.password") == "open-sesame"


@given(st.dictionaries(st.from_regex(r"[a-z][a-z.]{0,10}[a-z]", fullmatch=True), st.text("ab =:#!\\\t\n", max_size=8)))
def test_what_is_written_as_java_escapes_it_is_read_again(values: dict[str, str]) -> None:
    values = {name: value.strip() for name, value in values.items()}
    lines = [f"{name}={_escaped(value)}" for name, value in values.items()]
    assert parse_properties("\n".join(lines)) == values


def _escaped(value: str) -> str:
    for plain, written in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("=", "\\="), (":", "\\:")):
        value = value.replace(plain, written)
    return value


def test_without_settings_nothing_is_added() -> None:
    assert (ClientSettings().protocol, ClientSettings().mechanism) == ("PLAINTEXT", None)
