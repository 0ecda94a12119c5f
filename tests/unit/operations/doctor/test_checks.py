"""What doctor makes of what it has seen."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from tidemill.kafka.client.partitioner import partition_of
from tidemill_operations.doctor import api_versions
from tidemill_operations.doctor.findings import Status, exit_code, fail, ok, warn
from tidemill_operations.doctor.partitioners import check_pair, check_sample

KEYS = [b"k%d" % number for number in range(100)]


def test_keys_where_murmur2_puts_them_are_well() -> None:
    sample = [(key, partition_of(key, 4)) for key in KEYS]
    assert check_sample("t", sample, 4, labels=True).status is Status.OK


def test_labels_of_another_partitioner_are_refused_with_the_share() -> None:
    sample = [(key, partition_of(key, 4)) for key in KEYS[:75]]
    sample += [(key, (partition_of(key, 4) + 1) % 4) for key in KEYS[75:]]
    found = check_sample("t", sample, 4, labels=True)
    assert found.status is Status.FAIL
    assert "25 of 100 keys (25%)" in found.text
    assert "murmur2_random" in found.todo


def test_someone_elses_partitioner_is_well_as_long_as_labels_go_where_events_go() -> None:
    events = [(key, sum(key) % 4) for key in KEYS]
    assert check_pair("e", "l", events, events).status is Status.OK
    assert check_pair("e", "l", events, []).status is Status.OK
    found = check_pair("e", "l", events, [(key, (number + (key == b"k7")) % 4) for key, number in events])
    assert (found.status, found.text.startswith("1 of 100 keys are in another partition of l than of e")) == (
        Status.FAIL, True,
    )  # fmt: skip


def test_a_topic_without_keys_says_nothing_about_partitioners() -> None:
    assert check_sample("t", [(None, 1)], 4, labels=True).status is Status.OK


def test_the_exit_code_is_that_of_a_failure_alone() -> None:
    assert exit_code([ok("a", ""), warn("b", "")]) == 0
    assert exit_code([ok("a", ""), fail("b", "")]) == 1


def test_the_new_group_protocol_needs_brokers_that_have_it() -> None:
    old = {api_versions.TXN_OFFSET_COMMIT: 3}
    new = {**old, api_versions.CONSUMER_GROUP_HEARTBEAT: 1}
    assert api_versions.check_api_versions([("b:1", old)], "classic")[0].status is Status.OK
    assert api_versions.check_api_versions([("b:1", old)], "consumer")[0].status is Status.FAIL
    assert api_versions.check_api_versions([("b:1", new)], "consumer")[0].status is Status.OK
    assert api_versions.check_api_versions([("b:1", {})], "classic")[0].status is Status.FAIL


@pytest.mark.parametrize(
    ("answer", "problem"),
    [(b"", "closed"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no Kafka"), (b"\x15\x03\x03\x00\x02", "no Kafka")],
)
def test_what_is_no_kafka_listener_is_told(answer: bytes, problem: str) -> None:
    with pytest.raises(OSError, match=problem):
        api_versions.ask(_server(answer), None)


def test_a_brokers_answer_is_read() -> None:
    body = struct.pack(">ihi", 1, 0, 2) + struct.pack(">hhhhhh", 28, 0, 5, 68, 0, 1)
    assert api_versions.ask(_server(struct.pack(">i", len(body)) + body), None) == {28: 5, 68: 1}


def _server(answer: bytes) -> str:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            connection.recv(64)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_finding_has_the_keys_in_json_that_scripts_know() -> None:
    assert warn("rights", "few", "grant").to_dict() == {
        "check": "rights", "verdict": "warn", "text": "few", "todo": "grant",
    }  # fmt: skip
