"""Notices to web hooks, against a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import time

import pytest

from tests.support.receivers import Received, Reply, web_receiver
from tests.unit.core.notify.notices import notice
from tidemill.notify.delivery import NotDelivered
from tidemill.notify.http import retry_after
from tidemill.notify.webhook import SlackChannel, WebhookChannel

SECRET = "a secret of thirty characters!"


def test_a_webhook_gets_the_notice_as_json_with_a_signature_over_id_time_and_body() -> None:
    with web_receiver() as hook:
        channel = WebhookChannel(f"{hook.url}/hook/of-ours", SECRET, 5, now=lambda: 1_700_000_001.9)
        assert channel.send(notice()) == "HTTP 200"
        channel.close()
    (got,) = hook.received
    assert got.path == "/hook/of-ours" and got.headers["content-type"] == "application/json"
    assert got.datum == {
        "version": 1, "id": "n-1", "kind": "drift", "model": "tide", "title": "tide: feature drift, wind",
        "text": "It moved.", "at": "2023-11-14T22:13:20.000Z", "figures": {"statistic": 0.31},
        "links": {"status": "https://s.example/tide"}, "digest": None,
    }  # fmt: skip
    assert got.headers["webhook-id"] == "n-1" and got.headers["webhook-timestamp"] == "1700000001"
    signed = hmac.new(SECRET.encode(), b"n-1.1700000001." + got.body, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


def test_a_secret_of_standard_webhooks_is_the_key_that_its_base64_means() -> None:
    key = bytes(range(24))
    with web_receiver() as hook:
        channel = WebhookChannel(hook.url, f"whsec_{base64.b64encode(key).decode()}", 5, now=lambda: 7.0)
        channel.send(notice())
    (got,) = hook.received
    signed = hmac.new(key, b"n-1.7." + got.body, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


def test_slack_gets_a_text_in_which_nobody_is_mentioned() -> None:
    with web_receiver() as hook:
        channel = SlackChannel(f"{hook.url}/services/T/B/x", 5)
        channel.send(notice(title="tide: <!channel>\nwhat?", text="a & b <@U123>"))
    (got,) = hook.messages
    lines = got["text"].splitlines()
    assert lines[0] == "*tide: &lt;!channel&gt; what?*"
    assert lines[1:] == ["a &amp; b &lt;@\u200bU123&gt;", "statistic 0.31", "status: https://s.example/tide"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_says_so(status: int) -> None:
    with web_receiver() as elsewhere, web_receiver() as hook:
        hook.answering = lambda request: Reply(status, headers={"location": elsewhere.url})
        with pytest.raises(NotDelivered, match=f"HTTP {status}: .*redirects are not followed"):
            WebhookChannel(hook.url, SECRET, 5).send(notice())
        assert len(hook.received) == 1 and elsewhere.received == []


@pytest.mark.parametrize(
    ("status", "headers", "of_notice", "wait"),
    [
        (400, {}, True, None),
        (413, {}, True, None),
        (422, {"retry-after": "9"}, True, None),
        (401, {}, False, None),
        (404, {}, False, None),
        (429, {"retry-after": "17"}, False, 17.0),
        (503, {"retry-after": "86400"}, False, 3_600.0),
        (500, {"retry-after": "soon"}, False, None),
    ],
)
def test_a_refusal_says_whether_the_notice_or_the_channel_is_meant_and_when_to_come_again(
    status: int, headers: dict[str, str], of_notice: bool, wait: float | None
) -> None:
    said = f'HTTP {status}: {{"message": "no"}}'
    with (
        web_receiver(lambda _: Reply(status, {"message": "no"}, headers)) as hook,
        pytest.raises(NotDelivered) as caught,
    ):
        WebhookChannel(hook.url, SECRET, 5).send(notice())
    assert str(caught.value) == said
    assert (caught.value.of_notice, caught.value.retry_after_s) == (of_notice, wait)


def test_retry_after_may_be_a_date_and_github_names_the_end_of_its_limit() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT"}, 1_445_412_480.0) == 10.0
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT"}, 1_445_412_600.0) == 0.0
    assert retry_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000"}, 940.0) == 60.0
    assert retry_after({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "1000"}, 940.0) is None
    assert retry_after({}, 940.0) is None


def test_a_server_that_is_away_and_one_that_says_nothing_are_told_without_the_secret_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/services/S3CRET"
        with pytest.raises(NotDelivered) as away:
            SlackChannel(url, 0.3).send(notice())
        taken.listen()
        began = time.monotonic()
        with pytest.raises(NotDelivered) as silent:
            SlackChannel(url, 0.3).send(notice())
    assert time.monotonic() - began < 3
    for caught in (away, silent):
        assert not caught.value.of_notice and "S3CRET" not in str(caught.value) and len(str(caught.value)) > 10


@pytest.mark.parametrize(
    ("name", "wrong"), [("HTTPS_PROXY", "socks9://S3CRET@127.0.0.1:1"), ("SSL_CERT_FILE", "/not/there.pem")]
)
def test_a_proxy_or_an_authority_that_is_wrong_fails_the_notice_and_not_the_process(
    name: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, wrong)
    channel = SlackChannel("https://127.0.0.1:9/services/S3CRET", 1)
    with pytest.raises(NotDelivered, match=f"{name}.* of the environment cannot be used") as caught:
        channel.send(notice())
    channel.close()
    assert "S3CRET" not in str(caught.value)


def test_no_secret_is_logged_at_any_level_or_shown_where_the_server_gives_it_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    hooks: list[str] = []

    def parrot(request: Received) -> Reply:
        return Reply(403, f"{hooks[0]}{request.path} {SECRET}")

    with web_receiver(parrot) as hook:
        hooks.append(hook.url)
        channel = WebhookChannel(f"{hook.url}/services/S3CRET", SECRET, 5)
        with pytest.raises(NotDelivered) as caught:
            channel.send(notice())
        assert str(caught.value) == 'HTTP 403: "*** ***"' and SECRET not in repr(channel)
    assert "S3CRET" not in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/services/T0/B0/S3CRET-of-slack", "Cannot POST /services/T0/B0/S3CRET-of-slack"),
        ("/services/T0/B0/S3CRET-of-slack", r"\/services\/T0\/B0\/S3CRET-of-slack is gone"),
        ("/services/T0/B0/S3CRET-of-slack", "no hook S3CRET-of-slack"),
        ("/hook?token=S3CRET-of-hook&x=1", "no route /hook?token=S3CRET-of-hook&amp;x=1"),
        ("/hook?token=S3CRET%2Bof%2Bhook", "token S3CRET+of+hook"),
        ("/services/S3CRET-of-slack", f"{'x' * 190} /services/S3CRET-of-slack"),
        ("/services/S3CRET-of-slack", f"{'x' * 790} /services/S3CRET-of-slack"),
    ],
)  # fmt: skip
def test_a_server_that_tells_the_path_it_was_asked_for_gives_no_secret_of_it_away(address: str, shown: str) -> None:
    with web_receiver(lambda _: Reply(404, shown)) as hook:
        for channel in (SlackChannel(f"{hook.url}{address}", 5), WebhookChannel(f"{hook.url}{address}", SECRET, 5)):
            with pytest.raises(NotDelivered, match="HTTP 404") as caught:
                channel.send(notice())
            assert "S3" not in str(caught.value)


def test_half_a_secret_is_hidden_too_where_an_answer_is_cut() -> None:
    with web_receiver(lambda _: Reply(403, f"{'x' * 185} {SECRET}")) as hook, pytest.raises(NotDelivered) as caught:
        WebhookChannel(hook.url, SECRET, 5).send(notice())
    assert SECRET[:6] not in str(caught.value) and str(caught.value).endswith(f'{"x" * 185} ***"')


def test_what_takes_slacks_messages_and_mentions_by_an_at_alone_mentions_nobody_and_makes_no_link() -> None:
    links = {"status": "https://s.example/@tide"}
    with web_receiver() as hook:
        SlackChannel(hook.url, 5).send(
            notice(title="new: @everyone", text="@here, [approve](https://evil.example)", links=links)
        )
    title, text, *_, link = hook.messages[0]["text"].splitlines()
    assert title == "*new: @\u200beveryone*" and text == "@\u200bhere, [approve]\u200b(https://evil.example)"
    assert link == "status: https://s.example/@tide", "an operator's address is left whole"
