"""Resolutions of dead letters, told apart from dead letters by their headers."""

from __future__ import annotations

from tidemill.kafka.dead_letters import (
    RESOLVES,
    dead_letter_headers,
    is_resolution,
    parse_resolution,
    resolution_headers,
)

DEAD = dead_letter_headers("m-raw", 2, 17, "MalformedRecord", "cut short")


def test_a_resolution_names_the_dead_letter_that_it_resolves() -> None:
    headers = resolution_headers("m-raw-dlq", 2, 5, "replayed")

    assert is_resolution(headers)
    assert parse_resolution(headers) == ("m-raw-dlq", 2, 5)


def test_a_dead_letter_is_no_resolution_even_if_its_producer_sent_the_header_of_one() -> None:
    headers = [*resolution_headers("m-raw-dlq", 2, 5, "replayed"), *DEAD]

    assert not is_resolution(DEAD)
    assert not is_resolution(headers)
    assert parse_resolution(headers) is None


def test_other_headers_resolve_nothing() -> None:
    assert not is_resolution(None)
    assert not is_resolution([("traceparent", b"00")])
    assert parse_resolution([(RESOLVES, b"nonsense")]) is None
