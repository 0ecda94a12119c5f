"""One description, three libraries: librdkafka, aiokafka, Faust."""

from __future__ import annotations

import ssl
import sys
import threading
import types
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.certificates import make_certificates
from tests.support.receivers import Reply, web_receiver
from tidemill.errors import ConfigError, RetryLater
from tidemill.kafka.pass_through import ClientSettings
from tidemill.kafka.pass_through.aio import aiokafka_config
from tidemill.kafka.pass_through.librdkafka import librdkafka_config
from tidemill.kafka.pass_through.tokens import LONGEST_ANSWER, Token, TokenSource, fetcher
from tidemill_drift.adapters.faust_app import credentials

SCRAM = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "u",
    "sasl.password": "secret!",
}


def test_scram_is_the_same_login_in_all_three() -> None:
    settings = ClientSettings(SCRAM)
    assert librdkafka_config(settings) == SCRAM
    aio = aiokafka_config(settings)
    assert (aio["sasl_mechanism"], aio["sasl_plain_username"], aio["sasl_plain_password"]) == (
        "SCRAM-SHA-512", "u", "secret!",
    )  # fmt: skip
    faust = credentials(aio)
    assert faust is not None
    assert (faust.protocol.value, faust.mechanism.value, faust.username) == (
        "SASL_PLAINTEXT", "SCRAM-SHA-512", "u",
    )  # fmt: skip


def test_mutual_tls_reads_pem_files_and_pem_text(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    files = {
        "security.protocol": "SSL",
        "ssl.ca.location": str(made.ca),
        "ssl.certificate.location": str(made.client_certificate),
        "ssl.key.location": str(made.client_key),
    }
    text = {
        "security.protocol": "SSL",
        "ssl.ca.pem": made.ca.read_text(),
        "ssl.certificate.pem": made.client_certificate.read_text(),
        "ssl.key.pem": made.client_key.read_text(),
    }
    for given in (files, text):
        librdkafka_config(ClientSettings(given))
        aio = aiokafka_config(ClientSettings(given))
        assert isinstance(aio["ssl_context"], ssl.SSLContext)
        assert aio["ssl_context"].check_hostname
        faust = credentials(aio)
        assert faust is not None and faust.protocol.value == "SSL"
    assert "PRIVATE" not in repr(ClientSettings(text))


def test_an_authority_that_is_not_there_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="TIDEMILL_KAFKA_SSL"):
        aiokafka_config(ClientSettings({"security.protocol": "SSL", "ssl.ca.location": "/none.pem"}))


@pytest.mark.parametrize(
    ("given", "todo"),
    [
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "client certificate"),
        ({"security.protocol": "SSL", "ssl.keystore.location": "/a/b.p12"}, "openssl pkcs12 -in STORE"),
    ],
)
def test_what_aiokafka_cannot_do_is_refused_with_what_to_do_instead(given: dict[str, str], todo: str) -> None:
    with pytest.raises(ConfigError, match=todo):
        aiokafka_config(ClientSettings(given))


def test_kerberos_is_refused_by_a_client_that_is_built_without_it_with_what_to_do_instead() -> None:
    with pytest.raises(ConfigError, match=r"built without Kerberos.*SCRAM"):
        librdkafka_config(ClientSettings({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}))


def test_plaintext_needs_no_credentials() -> None:
    assert credentials(aiokafka_config(ClientSettings())) is None


def test_msk_iam_becomes_oauth_with_tokens_of_a_stand_in_for_amazons_signer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in of the signer: what AWS makes of the token cannot be tried here."""
    signer = types.ModuleType("aws_msk_iam_sasl_signer")
    asked: list[str] = []

    class Provider:
        @staticmethod
        def generate_auth_token(region: str) -> tuple[str, int]:
            asked.append(region)
            return "signed", 4_000_000_000_000

    signer.MSKAuthTokenProvider = Provider  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", signer)
    settings = ClientSettings(
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM", "aws.region": "eu-west-1"}
    )
    config = librdkafka_config(settings)
    assert config["sasl.mechanism"] == "OAUTHBEARER"
    assert "aws.region" not in config
    assert config["oauth_cb"]("") == ("signed", 4_000_000_000.0)
    assert asked == ["eu-west-1"]
    assert aiokafka_config(settings)["sasl_mechanism"] == "OAUTHBEARER"


def test_a_token_is_renewed_before_it_ends() -> None:
    now, made = [0.0], []

    def fetch() -> Token:
        made.append(now[0])
        return Token(f"t{len(made)}", now[0] + 100)

    source = TokenSource(fetch, lambda: now[0])
    assert source.token().value == "t1"
    now[0] = 79
    assert source.token().value == "t1"
    now[0] = 81
    assert source.token().value == "t2"
    assert "t2" not in repr(source.token())


def test_oauth_without_a_way_to_a_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="oidc"):
        aiokafka_config(ClientSettings({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}))


@pytest.mark.parametrize(
    "answer", [b'{"access_token": "' + b"x" * LONGEST_ANSWER, b"[]", b"{}", b'{"a":' * 100_000, b'"text"']
)
def test_an_endpoint_that_gives_no_token_is_asked_again_later_whatever_it_says(answer: bytes) -> None:
    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # whoever has read enough goes away
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        settings = ClientSettings(
            {
                "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.client.id": "u", "sasl.oauthbearer.client.secret": "s",
                "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:{server.server_address[1]}/",
            }
        )  # fmt: skip
        fetch = fetcher(settings)
        assert fetch is not None
        with pytest.raises(RetryLater, match="gives no token"):
            fetch()
        thread.join(10)


def by_credentials(url: str) -> ClientSettings:
    return ClientSettings(
        {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": "us",
            "sasl.oauthbearer.client.secret": "S3CRET",
            "sasl.oauthbearer.token.endpoint.url": url,
        }
    )


def test_a_clients_secret_goes_to_the_token_endpoint_alone() -> None:
    with web_receiver() as elsewhere, web_receiver() as endpoint:
        endpoint.answering = lambda _: Reply(302, headers={"location": f"{elsewhere.url}/stolen"})
        fetch = fetcher(by_credentials(endpoint.url))
        assert fetch is not None
        with pytest.raises(ConfigError, match="status 302"):
            fetch()
        assert endpoint.received[0].headers["Authorization"].startswith("Basic ") and elsewhere.received == []
