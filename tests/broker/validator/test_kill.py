from __future__ import annotations

import random
import subprocess
from pathlib import Path

from tests.broker.validator.conftest import AT_MS, MODEL, Bench
from tests.support.kafka.timeouts import SESSION_MS
from tests.support.polling import until
from tests.support.processes import service_process
from tidemill.kafka.dead_letters import parse_dead_letter
from tidemill.kafka.headers import ORIGIN

TOTAL, ROUNDS = 6_000, 3


def spawn(bench: Bench, log: Path) -> subprocess.Popen[bytes]:
    """A validator as a process of its own, in small transactions, so that a kill falls into one."""
    given = {
        "kafka_bootstrap": bench.settings.kafka_bootstrap,
        "prefix": bench.settings.prefix,
        "schemas": bench.settings.schemas,
        "models_dir": bench.settings.models_dir,
        "models": MODEL,
        "batch_size": 20,
        "batch_linger_ms": 0,
        "session_timeout_ms": SESSION_MS,
        "transaction_timeout_ms": 5_000,
        "log_file": log,
    }
    return service_process.start("tidemill_validator", env=service_process.environment(given))


def test_killed_in_the_middle_it_still_writes_everything_exactly_once(bench: Bench, tmp_path: Path) -> None:
    chance = random.Random(11)
    ids = [f"e{chance.randrange(TOTAL * 3 // 4)}" for _ in range(TOTAL)]
    kills = 0
    for turn in range(ROUNDS):
        part = ids[turn * TOTAL // ROUNDS : (turn + 1) * TOTAL // ROUNDS]
        values: list[bytes | None] = [bench.event(i, scheduled_at=AT_MS + turn) for i in part]
        bench.push("raw", bench.output("raw", values, partitions=[int(i[1:]) % 4 for i in part]))
        process = spawn(bench, tmp_path / f"{turn}.log")
        try:
            if turn < ROUNDS - 1:
                begun = bench.count("clean")
                until(lambda seen=begun: bench.count("clean") > seen, 60, "it has begun", every=0.02)
                process.kill()
                kills += bench.count("clean") + bench.count("raw_dlq") < (turn + 1) * TOTAL // ROUNDS
            else:
                bench.until_judged("raw", TOTAL)
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert kills >= 1, "every kill came too late to bite"
    clean = [parse_origin_offset(headers[ORIGIN]) for *_, headers in bench.read("clean")]
    letters = [parse_dead_letter(list(headers.items())) for *_, headers in bench.read("raw_dlq")]
    judged = clean + [letter[1:3] for letter in letters if letter]
    assert sorted(judged) == sorted((p, o) for p, o, *_ in bench.read("raw"))
    assert sorted(bench.ids("clean")) == sorted(set(ids))


def parse_origin_offset(value: bytes | None) -> tuple[int, int]:
    _, partition, offset = (value or b"").decode().split("/")
    return int(partition), int(offset)
