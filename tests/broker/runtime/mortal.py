"""A worker that some records end: `mortal.py BOOTSTRAP PREFIX STUCK_AFTER_S`.

What a record does to the process stands in its value behind its number, `1234 segv`. Each record is told on the
console before it is worked at, `at 1234 alone`, or `among`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

from tests.support.kafka.timeouts import SESSION_MS
from tidemill.kafka.batch import Batch, Output
from tidemill.kafka.dead_letters import dead_letter_headers
from tidemill.kafka.runtime.config import RunnerConfig
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.kafka.worker import TolerantWorker
from tidemill.service import StopSignal, run_service
from tidemill.settings import KafkaSettings
from tidemill.telemetry.logs import configure_logging


def hang() -> None:
    while True:
        time.sleep(1)


DEEDS: dict[bytes, Callable[[], object]] = {
    b"segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    b"exit": lambda: os._exit(9),
    b"killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"hang": hang,
    b"hang-with-the-lock": lambda: ctypes.PyDLL(None).sleep(3_600),
    b"slow": lambda: time.sleep(0.5),
}


def main() -> None:
    bootstrap, prefix, stuck_after_s = sys.argv[1:]
    configure_logging("mortal")
    settings = KafkaSettings(
        kafka_bootstrap=bootstrap, prefix=prefix, session_timeout_ms=SESSION_MS, transaction_timeout_ms=5_000
    )

    config = RunnerConfig(
        settings=settings,
        group=f"{prefix}group",
        transactional_id=f"{prefix}worker-0",
        topics=[f"{prefix}in"],
        batch_size=500,
        stuck_after_s=float(stuck_after_s),
    )
    TransactionalRunner(config, Mortal(prefix), StopSignal().install()).run()


class Mortal(TolerantWorker):
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def process(self, batches: list[Batch]) -> list[Output]:
        alone = "alone" if sum(map(len, batches)) == 1 else "among"
        for batch in batches:
            for value in batch.values:
                number, _, deed = (value or b"").partition(b" ")
                if deed:
                    os.write(1, b"at %s %s\n" % (number, alone.encode()))
                    DEEDS[deed]()
        return [Output(f"{self._prefix}out", [_number(v) for v in b.values], b.keys, b.partitions) for b in batches]

    def set_aside(self, one: Batch, why: str) -> list[Output]:
        return self.unread(one, why)

    def unread(self, one: Batch, why: str) -> list[Output]:
        headers = dead_letter_headers(one.topic, one.partitions[0], one.offsets[0], "ProcessingFailed", why)
        return [Output(f"{self._prefix}dead", one.values, one.keys, one.partitions, [headers])]


def _number(value: bytes | None) -> bytes:
    return (value or b"").partition(b" ")[0]


if __name__ == "__main__":
    sys.exit(run_service(main))
