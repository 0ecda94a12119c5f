"""What `tidemill status` says of paused topics, of tombstones and of the budget of fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tidemill_operations.standing.governor import FITS_LEFT, HELD_BACK, fits_left
from tidemill_operations.standing.pauses import standing
from tidemill_operations.standing.tombstones import tombstones


@contextmanager
def metrics(text: bytes) -> Iterator[str]:
    """The URL of a service that has these metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def control(model: str, role: str, action: str, at: int = 0) -> dict[str, Any]:
    return {"model": model, "role": role, "action": action, "at": at, "reason": f"because {at}"}


def test_the_newest_control_of_each_model_and_role_says_whether_it_is_paused() -> None:
    found = standing(
        [
            control("a", "raw", "paused", 1), control("a", "labels_raw", "paused", 2), control("b", "raw", "paused", 3),
            control("a", "raw", "resumed", 4), control("b", "raw", "resumed", 5), control("b", "raw", "paused", 6_000),
        ]
    )  # fmt: skip

    assert [(pause.model, pause.role, pause.since_ms) for pause in found] == [
        ("a", "labels_raw", 2),
        ("b", "raw", 6_000),
    ]


def test_a_pause_is_told_with_its_reason_its_time_and_the_command_that_ends_it() -> None:
    (pause,) = standing([control("loan", "raw", "paused", 1_700_000_000_000)])

    assert pause.line() == (
        "loan: events are paused since 2023-11-14T22:13:20+00:00: because 1700000000000. "
        "Look at `tidemill dlq list --model loan`, mend the cause, then: tidemill resume loan"
    )
    assert pause.facts()["command"] == "tidemill resume loan"


def test_tombstones_are_counted_by_model_over_all_validators_that_answer() -> None:
    text = b"".join(
        b'tidemill_validator_records_total{model="%s",role="%s",outcome="%s"} %d\n' % line
        for line in [
            (b"loan", b"raw", b"set_aside", 3), (b"loan", b"labels_raw", b"set_aside", 2),
            (b"loan", b"raw", b"dead", 9),
        ]
    )  # fmt: skip
    with metrics(text) as url:
        processes = {"validator": {"url": url}, "validator-2": {"url": url}, "ingest": {"url": url}, "validator-3": {}}
        assert tombstones({"processes": processes}) == {"loan": 10}


def test_fits_that_are_left_and_held_back_are_the_trainers_own_words() -> None:
    lines = [f'{FITS_LEFT}{{model="loan"}} 0', f'{HELD_BACK}{{model="loan"}} 1', f'{FITS_LEFT}{{model="b"}} 3',
             f'{HELD_BACK}{{model="b"}} 0', ""]  # fmt: skip
    with metrics("\n".join(lines).encode()) as url:
        processes = {"trainer": {"url": url}, "ingest": {"url": url}, "trainer-release": {}}
        assert fits_left({"processes": processes}) == {"loan": (0, True), "b": (3, False)}
