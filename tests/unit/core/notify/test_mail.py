"""Notices by e-mail, against a real mail server."""

from __future__ import annotations

import base64
import email
import email.policy
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from tests.support.certificates import make_certificates
from tests.unit.core.notify.notices import notice
from tidemill.notify.delivery import NotDelivered
from tidemill.notify.mail import MailChannel

PASSWORD = "pass w0rd of mail"


@dataclass
class Post:
    """What the server was given. `says`: its answer to the text of a mail; `refused`: addresses it does not take."""

    says: str = "250 OK"
    refused: set[str] = field(default_factory=set)
    mails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.encrypted.append(session.ssl is not None)
        return self.says


@contextmanager
def mail_server(post: Post, **options: Any) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def channel(port: int, **over: Any) -> MailChannel:
    given: dict[str, Any] = {
        "host": "localhost", "port": port, "tls": "none", "sender": "tidemill@example.org",
        "to": ("a@example.org", "b@example.org"), "timeout_s": 5,
    }  # fmt: skip
    return MailChannel(**(given | over))


def only_ours(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
    return AuthResult(success=(login.login, login.password) == (b"us", PASSWORD.encode()), handled=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # which it is not told of
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_goes_over_tls_with_a_login_and_says_what_the_notice_says(tmp_path: Path, tls: str) -> None:
    made, post = make_certificates(tmp_path), Post()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made.server_store)
    trust = ssl.create_default_context(cafile=str(made.ca))
    options: dict[str, Any] = {"authenticator": only_ours, "auth_required": True}
    options |= (
        {"tls_context": serving, "require_starttls": True}
        if tls == "starttls"
        else {"ssl_context": serving, "auth_require_tls": False}
    )
    with mail_server(post, **options) as port:
        login = {"tls": tls, "user": "us", "password": PASSWORD}
        assert channel(port, trust=trust, **login).send(notice()) == "taken by localhost"
        channel(port, trust=trust, **login).send(notice())
        with pytest.raises(NotDelivered, match="535") as wrong:
            channel(port, trust=trust, **(login | {"password": "another secret"})).send(notice())
        with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
            channel(port, **login).send(notice())
    assert "another secret" not in str(wrong.value) and PASSWORD not in repr(channel(port, **login))
    first, again = post.mails
    assert post.encrypted == [tls == "starttls"] * 2, "of a connection that was TLS from its beginning it knows nothing"
    assert first["subject"] == "Tidemill: tide: feature drift, wind" and first["to"] == "a@example.org, b@example.org"
    assert first["message-id"] == again["message-id"], "a repeat shows as one mail"
    assert first.get_content().splitlines() == ["It moved.", "statistic 0.31", "status: https://s.example/tide"]


def test_no_header_can_be_put_into_a_mail_by_what_a_notice_says() -> None:
    post = Post()
    with mail_server(post) as port:
        channel(port).send(notice(title="x\r\nBcc: c@example.org\n\nhello", text="é\u2028ü"))
    (mail,) = post.mails
    assert mail["bcc"] is None and mail["subject"] == "Tidemill: x Bcc: c@example.org hello"
    assert mail.get_content().startswith("é\u2028ü")


def test_who_is_refused_is_named_and_the_others_get_it() -> None:
    post = Post(refused={"b@example.org"})
    with mail_server(post) as port:
        assert channel(port).send(notice()) == "taken by localhost, but not for b@example.org"
        post.refused.add("a@example.org")
        with pytest.raises(NotDelivered, match=r"no address was taken: a@example\.org: 550 no such mailbox"):
            channel(port).send(notice())
    assert len(post.mails) == 1


@pytest.mark.parametrize(("says", "of_notice"), [("554 looks like spam", True), ("452 full", False)])
def test_a_mail_that_is_refused_for_good_is_told_from_a_server_that_is_full(says: str, of_notice: bool) -> None:
    with mail_server(Post(says)) as port, pytest.raises(NotDelivered, match=says) as caught:
        channel(port).send(notice())
    assert caught.value.of_notice is of_notice


def test_a_server_that_offers_no_tls_or_is_away_gets_no_password() -> None:
    post = Post()
    with mail_server(post) as port, pytest.raises(NotDelivered, match="STARTTLS"):
        channel(port, tls="starttls", user="us", password=PASSWORD).send(notice())
    with pytest.raises(NotDelivered, match="refused"):
        channel(port, tls="starttls", user="us", password=PASSWORD).send(notice())
    assert post.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # which it is not told of
def test_a_login_that_cannot_be_sent_fails_the_notice_and_shows_none_of_it() -> None:
    options: dict[str, Any] = {"authenticator": only_ours, "auth_require_tls": False}
    with mail_server(Post(), **options) as port, pytest.raises(NotDelivered, match="take ASCII") as caught:
        channel(port, user="us", password="geh\u00e4im of mail").send(notice())
    assert "\u00e4" not in str(caught.value) and "geh" not in str(caught.value)


@pytest.mark.parametrize("said", ["AUTH PLAIN {plain}", "no: {password}", "{in_base64}", "{padding} {in_base64}"])
def test_a_mail_server_that_gives_a_login_back_is_not_repeated(said: str) -> None:
    secret = PASSWORD.encode()
    words = said.format(
        plain=base64.b64encode(b"\0us\0" + secret).decode(), password=PASSWORD,
        in_base64=base64.b64encode(secret).decode(), padding="x" * 285,
    )  # fmt: skip
    options: dict[str, Any] = {"authenticator": only_ours, "auth_require_tls": False}
    with (
        mail_server(Post(f"554 {words}"), **options) as port,
        pytest.raises(NotDelivered, match=r"554 .*\*\*\*") as caught,
    ):
        channel(port, user="us", password=PASSWORD).send(notice())
    for form in (PASSWORD, base64.b64encode(secret).decode(), base64.b64encode(b"\0us\0" + secret).decode()):
        assert form[:8] not in str(caught.value)
