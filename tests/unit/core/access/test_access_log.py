from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import until
from tidemill.access.limits.throttle import Proxies
from tidemill.access.log.layer import Logged
from tidemill.access.log.lines import AccessLog, Answer, open_access_log
from tidemill.access.paths import Templates
from tidemill.access.settings import AccessSettings
from tidemill.telemetry.line_writer import MOST_WAITING, LineWriter
from tidemill.telemetry.logs import configure_logging, model_version

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The log of a service that asks for errors alone."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    configure_logging("test", "ERROR", tmp_path / "log.jsonl")
    yield tmp_path / "log.jsonl"
    root.handlers[0].close()
    root.handlers[:] = before
    root.setLevel(level)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def answer(number: int = 0, **of: Any) -> Answer:
    fields: dict[str, Any] = {
        "at_s": 1_700_000_000.5, "seconds": 0.0125, "request_id": str(number), "method": "POST",
        "path": "/v1/models/{model}/predict", "model": "a", "status": 200, "bytes_in": 3, "bytes_out": 5,
    }  # fmt: skip
    return Answer(**(fields | of))


def test_a_line_says_who_asked_for_what_from_where_and_how_it_was_answered(file: Path) -> None:
    at_work = model_version.set("a:7")  # where the line is written
    with AccessLog("a".__eq__, Proxies(["10.0.0.0/8"])) as log:
        log.put(answer(caller="key:1", client=("10.0.0.1", b"198.51.100.9, 10.0.0.7"), traceparent=TRACE))
    model_version.reset(at_work)
    assert lines(file) == [
        {
            "ts": "2023-11-14T22:13:20.500+00:00", "level": "INFO", "service": "test", "logger": "tidemill.access_log",
            "message": "request", "trace_id": TRACE[3:35].decode(), "model_version": None, "request_id": "0",
            "caller": "key:1", "client": "198.51.100.9", "method": "POST", "path": "/v1/models/{model}/predict",
            "model": "a", "status": 200, "refused": None, "bytes_in": 3, "bytes_out": 5, "ms": 12.5,
        }
    ]  # fmt: skip


def test_names_that_are_not_ours_are_not_written(file: Path) -> None:
    with AccessLog("a".__eq__) as log:
        log.put(answer(method="SECRET", path=None, model="secret", traceparent=b"secret", client=("secret", b"secret")))
    (line,) = lines(file)
    assert (line["method"], line["path"], line["model"]) == ("other", "unmatched", None)
    assert (line["trace_id"], line["client"]) == (None, None)
    assert "secret" not in file.read_text(encoding="utf-8").lower()


def test_lines_are_written_soon_in_their_order_and_the_rest_at_the_end(file: Path) -> None:
    log = AccessLog("a".__eq__)
    log.start()
    for number in range(50):
        log.put(answer(number))
    until(lambda: len(lines(file)) == 50, 10, "the thread has written")
    for number in range(50, 100):
        log.put(answer(number))
    log.close()
    assert [line["request_id"] for line in lines(file)] == [str(number) for number in range(100)]


def test_where_too_many_wait_none_is_dropped(file: Path) -> None:
    log = AccessLog("a".__eq__)  # not started: nobody else writes
    logging.getLogger("tidemill.access_log").setLevel(logging.INFO)
    for number in range(MOST_WAITING + 3):
        log.put(answer(number))
    assert [line["request_id"] for line in lines(file)] == ["0", "1", "2"]  # each who came too many wrote one
    log.close()
    assert [line["request_id"] for line in lines(file)] == [str(number) for number in range(MOST_WAITING + 3)]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", "203.0.113.5", "192.0.2.1"),  # not a proxy that is trusted: anybody may say anything
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.9, 10.2.3.4", "198.51.100.9"),
        ("10.0.0.1", "tm_secret", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2:3::4"),
        ("", "", None),
        ("/run/serve.sock", "", None),
    ],
)
def test_the_address_is_the_one_that_the_gate_believes(peer: str, forwarded: str, found: str | None) -> None:
    assert Proxies(["10.0.0.0/8"]).address(peer, forwarded) == found


def test_without_the_setting_there_is_no_log_and_no_thread() -> None:
    assert AccessSettings().access_log == "off"
    assert open_access_log(AccessSettings(), bool) is None
    assert open_access_log(AccessSettings(access_log="on"), bool) is not None


def test_a_defect_inside_is_written_as_500(file: Path) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    async def nothing(*_: object) -> Any:
        return {}

    log = AccessLog("a".__eq__)
    logging.getLogger("tidemill.access_log").setLevel(logging.INFO)
    layer = Logged(broken, log, lambda path: None if path == "/open" else "predict", Templates([]))  # type: ignore[arg-type,return-value]
    for path in ("/closed", "/open"):
        with pytest.raises(RuntimeError):
            asyncio.run(layer({"type": "http", "path": path, "method": "GET", "headers": []}, nothing, nothing))
    log.close()
    assert [line["status"] for line in lines(file)] == [500]


def test_one_item_of_which_no_line_can_be_made_keeps_no_other_from_the_log(file: Path) -> None:
    def fields(number: int) -> Iterator[dict[str, object]]:
        yield {"share": 1 / number}

    with LineWriter[int]("tidemill.test_lines", "shares", fields) as writer:
        for number in (1, 0, 2):
            writer.put(number)
    told = [(line["message"], line.get("share")) for line in lines(file)]
    assert told == [("shares", 1.0), ("lines of the kind 'shares' are lost", None), ("shares", 0.5)]
