from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.access.settings import AccessSettings
from tidemill.web.visitors import MOST_REMEMBERED, Visitors


def knows(visitors: Visitors, host: str) -> bool:
    return visitors.refusal("GET", [(b"host", host.encode())]) is None


def settings(**given: object) -> AccessSettings:
    return AccessSettings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]", "x.localhost:1"])
@pytest.mark.parametrize("auth", ["on", "off", "off-everywhere"])
def test_this_machine_is_always_known(auth: str, host: str) -> None:
    assert knows(settings(auth=auth).visitors(), host)
    assert knows(settings(auth=auth, allowed_hosts="api.example.org").visitors(), host)


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("ingest:8081", True),
        ("10.4.0.7:8081", True),
        ("serve.tidemill.svc.cluster.local", True),
        ("serve.tidemill.svc", True),
        ("evil.example.org", False),
        ("svc.evil.example.org", False),
        ("10.4.0.7.evil.example.org", False),
        ("evillocal.example", False),
        ("", False),
    ],
)
def test_without_keys_only_names_that_no_public_server_gives_out_are_known(host: str, private: bool) -> None:
    assert knows(settings(auth="off-everywhere", host="0.0.0.0").visitors(), host) is private
    assert not knows(settings(auth="off").visitors(), host)
    assert knows(settings(auth="on").visitors(), host)


def test_names_that_are_listed_hold_and_then_no_other_public_one() -> None:
    for auth in ("on", "off", "off-everywhere"):
        visitors = settings(auth=auth, allowed_hosts="api.example.org, *.shop.example").visitors()
        assert knows(visitors, "API.example.org:443")
        assert knows(visitors, "a.b.shop.example")
        assert not knows(visitors, "shop.example.org")
        assert not knows(visitors, "evilshop.example")
        assert not knows(visitors, "evil.example.org")
    assert knows(settings(auth="off", allowed_hosts="*").visitors(), "anything.example.org")


def test_any_page_may_ask_where_all_may() -> None:
    visitors = settings(auth="off", cors_origins="*").visitors()
    assert visitors.refusal("POST", [(b"host", b"localhost"), (b"origin", b"http://a.example")]) is None


def test_a_page_behind_a_gateway_is_its_own_with_or_without_the_usual_port() -> None:
    visitors = settings(auth="on").visitors()
    for host, origin in (("api.example.org", "https://api.example.org"), ("a.example:443", "https://a.example")):
        assert visitors.refusal("POST", [(b"host", host.encode()), (b"origin", origin.encode())]) is None


def test_names_are_remembered_up_to_a_bound() -> None:
    visitors = Visitors("private")
    for number in range(10 * MOST_REMEMBERED):
        assert knows(visitors, f"host{number}")
    assert visitors.remembered == MOST_REMEMBERED


@given(st.binary(max_size=60))
def test_whatever_a_host_is_a_loopback_service_knows_its_own_alone(value: bytes) -> None:
    found = Visitors("loopback").refusal("POST", [(b"host", value)])
    text = value.decode("latin-1").strip().lower()
    assert found is not None or text.startswith(("localhost", "127.", "[", "::1")) or "localhost" in text
