from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.loadgen.answers import Answer, AnswerReader, Malformed
from benchmarks.loadgen.driver import Driver
from benchmarks.loadgen.plan import Plan, Target
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.benchmarks.web import CHUNKED, GOOD, Web, always, fired

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("whole", [GOOD, CHUNKED, b"HTTP/1.1 204 No Content\r\nX-Model-Version: 3\r\n\r\n"])
def test_an_answer_is_read_when_its_last_byte_has_come_and_not_before(whole: bytes) -> None:
    reader = AnswerReader(("x-model-version",))
    assert [reader.read(whole[:end]) for end in range(len(whole))] == [None] * len(whole)
    answer = reader.read(whole)
    assert answer is not None
    assert answer.body == (b"" if b" 204 " in whole else b"{}")
    assert answer.noted == (("3",) if b"X-Model" in whole else ("",))


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.booleans())
def test_a_body_comes_out_as_it_was_whatever_its_chunks(parts: list[bytes], close: bool) -> None:
    head = b"HTTP/1.1 503 Away\r\n" + (b"Connection: close\r\n" if close else b"")
    chunks = b"".join(b"%x;q=1\r\n%s\r\n" % (len(part), part) for part in parts)
    answer = AnswerReader().read(head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert answer == Answer(503, (), b"".join(parts), close)


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"x",
        CHUNKED + b"x",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        CHUNKED.replace(b"1\r\n{", b"z\r\n{"),
        CHUNKED.replace(b"1\r\n{", b"1\r\n{{"),
        b"x" * 70_000,
    ],
)
def test_what_is_no_answer_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        AnswerReader().read(data)


def test_the_closed_loop_counts_what_the_server_has_answered_and_sends_the_bodies_in_turn() -> None:
    tally, web = fired(always, bodies=(b"a", b"bb", b"ccc"), seconds=0.2, warm_s=0.1, connections=4)
    assert tally.requests + tally.warm == len(web.bodies) == len(tally.records)
    assert tally.warm > 0
    assert not tally.errors
    assert dict(tally.noted) == {("3", "4"): tally.requests}
    sent = Counter(web.bodies)
    assert max(sent.values()) - min(sent.values()) <= 1


def test_the_open_loop_sends_as_many_as_its_clock_says_however_slow_the_answers() -> None:
    async def slow(number: int) -> bytes:
        await asyncio.sleep(0.02)
        return GOOD

    tally, web = fired(slow, seconds=0.2, warm_s=0.1, rate=500, clock="even", connections=3)
    assert (tally.warm, tally.requests, len(web.bodies)) == (50, 100, 150)
    assert not tally.errors


def test_the_open_loop_counts_the_wait_for_a_server_that_stood_still() -> None:
    stood = threading.Event()

    async def once_still(number: int) -> bytes:
        if number == 20:
            stood.wait(0.2)  # the whole server, as in a pause
        return GOOD

    tally, _ = fired(once_still, seconds=0.4, rate=500, clock="even", connections=2)
    waited = sum(took > 0.05 for took in tally.took_s)
    assert tally.requests == 200
    assert waited >= 50, "every request that was due meanwhile has waited, not the one that was sent"


def test_errors_are_counted_by_their_kind_and_the_loop_goes_on() -> None:
    answers = {3: None, 5: GOOD.replace(b"200", b"500"), 7: b"nonsense\r\n\r\n", 9: GOOD.replace(b"\r\n\r\n", b"", 1)}

    async def answer(number: int) -> bytes | None:
        return answers.get(number, GOOD)

    tally, web = fired(answer, seconds=0.9, connections=1, timeout_s=0.4)
    assert dict(tally.errors) == {"dropped": 1, "status 500": 1, "malformed": 1, "timeout": 1}
    assert tally.requests == len(web.bodies) == len(tally.took_s) + 4
    assert [record[3] for record in tally.records[:6]] == [200, 200, 200, 0, 200, 500]


def test_a_server_that_hangs_up_after_each_answer_costs_connections_and_no_errors() -> None:
    async def closing(number: int) -> bytes:
        return GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    tally, _ = fired(closing, seconds=0.5, connections=2)
    assert tally.requests > 2, "each of the two connections was made anew at least once"
    assert not tally.errors


def test_nobody_there_is_refused_at_a_bounded_pace() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening
        target = Target("127.0.0.1", taken.getsockname()[1], "/")
        plan = Plan(target, (b"x",), 0.2, connections=2)

        async def run() -> dict[str, int]:
            return dict((await Driver(plan).run()).errors)

        errors = asyncio.run(run())
    assert errors.keys() == {"refused"}
    assert 2 <= errors["refused"] <= 12


@pytest.mark.parametrize("url", ["http://example.org/", "https://127.0.0.1/", "http://10.0.0.1:80/", "http://[::2]/"])
def test_only_loopback_is_fired_at(url: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Target.of(url)


@pytest.mark.parametrize("more", [{"seconds": 1e6}, {"connections": 10_000}, {"rate": 1e9}, {"requests": ()}])
def test_nothing_is_fired_without_a_bound(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"at most|to|nothing"):
        Plan(**{"target": Target("127.0.0.1", 80, "/"), "requests": (b"x",), "seconds": 1.0, **more})  # type: ignore[arg-type]


def test_arrivals_come_at_the_rate_and_never_after_the_end() -> None:
    plan = Plan(Target("127.0.0.1", 80, "/"), (b"x",), 50.0, rate=1_000.0, seed=7)
    times = list(plan.arrivals())
    assert times == sorted(times)
    assert times[-1] < 50
    assert abs(len(times) - 50_000) < 5 * 50_000**0.5


def test_the_command_prints_json_and_writes_a_line_for_each_request(tmp_path: Path) -> None:
    ready, loop = threading.Event(), asyncio.new_event_loop()
    web, ports = Web(always), []

    async def start() -> None:
        server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(start()), loop.run_forever()), daemon=True)
    thread.start()
    assert ready.wait(10)
    (tmp_path / "bodies").write_bytes(b'{"a": 1}\n{"a": 2}\n')
    records = tmp_path / "records"
    arguments = [f"http://localhost:{ports[0]}/p?q=1", "--bodies", str(tmp_path / "bodies"), "--records", str(records)]
    arguments += ["--seconds", "0.2", "--warm", "0.1", "--rate", "200", "--header", "Authorization: Bearer x"]
    command = [sys.executable, "-m", "benchmarks.loadgen", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    loop.call_soon_threadsafe(loop.stop)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert found["good"] == found["requests"] == found["headers"]["X-Model-Version"]["3"]
    assert found["requests"] + found["warm"] == len(lines) == len(web.bodies)
    assert {"p50", "p99", "max"} <= found["ms"].keys()
    assert {(line["status"], line["body"], tuple(line["headers"])) for line in lines} == {(200, "{}", ("3", "4"))}
