from __future__ import annotations

import logging

from tidemill.telemetry.repeats import EVERY_S, Repeats


def record(logger: str, text: str = "Unable to connect to node %s", *values: object) -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, __file__, 1, text, values or (1,), None)


def test_the_same_remark_of_a_client_passes_once_in_a_while_and_then_says_how_often_it_was() -> None:
    now = [100.0]
    filtered = Repeats(("aiokafka",), lambda: now[0])
    assert filtered.filter(record("aiokafka.client", "Unable to connect to node %s", 1))
    passed = [filtered.filter(record("aiokafka.client", "Unable to connect to node %s", node)) for node in range(14)]
    assert not any(passed)
    now[0] += EVERY_S
    later = record("aiokafka.client")
    assert filtered.filter(later)
    assert vars(later)["repeated"] == 14
    now[0] += EVERY_S
    again = record("aiokafka.client")
    assert filtered.filter(again) and "repeated" not in vars(again)


def test_another_remark_another_logger_and_what_is_ours_pass() -> None:
    filtered = Repeats(("aiokafka",), lambda: 100.0)
    assert filtered.filter(record("aiokafka.client"))
    assert filtered.filter(record("aiokafka.client", "another %s"))
    assert filtered.filter(record("aiokafka.conn"))
    assert all(filtered.filter(record("tidemill.access_log", "request")) for _ in range(3))
    assert all(filtered.filter(record("aiokafkaesque")) for _ in range(3))


def test_what_is_remembered_is_bounded() -> None:
    filtered = Repeats(("aiokafka",), lambda: 100.0)
    assert all(filtered.filter(record("aiokafka", f"text {number} %s")) for number in range(3_000))
    assert filtered.filter(record("aiokafka", "text 0 %s"))


def test_what_anybody_can_cause_is_remarked_once_and_a_defect_each_time() -> None:
    filtered = Repeats(("uvicorn",), lambda: 100.0, below=logging.ERROR)
    warned = logging.makeLogRecord({"name": "uvicorn.error", "levelno": logging.WARNING, "msg": "Invalid HTTP request"})
    assert [filtered.filter(warned) for _ in range(3)] == [True, False, False]
    assert all(filtered.filter(record("uvicorn.error", "Exception in ASGI application")) for _ in range(3))
