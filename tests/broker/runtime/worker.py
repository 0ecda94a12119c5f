"""A worker in a process of its own that can be killed: `worker.py BOOTSTRAP PREFIX INSTANCE [stall]`.

With `stall` it stops within its first transaction, everything produced and nothing committed, says
`stalled` and goes on when it is told a line.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

from tests.support.kafka.timeouts import SESSION_MS
from tests.support.kafka.workers import FunctionWorker, passing_to
from tidemill.kafka.runtime import transaction
from tidemill.kafka.runtime.config import RunnerConfig
from tidemill.kafka.runtime.runner import TransactionalRunner
from tidemill.service import StopSignal, run_service
from tidemill.settings import KafkaSettings


def stall_before_commit() -> None:
    """Make the first transaction stop with everything produced and flushed, and nothing committed."""
    produce_all = transaction.produce_all

    def produce_and_stall(producer: Any, outputs: Sequence[Any], deadline: float) -> None:
        produce_all(producer, outputs, deadline)
        producer.flush(10)
        transaction.produce_all = produce_all
        print("stalled", flush=True)
        sys.stdin.readline()

    transaction.produce_all = produce_and_stall  # type: ignore[assignment]


def main() -> None:
    bootstrap, prefix, instance, *mode = sys.argv[1:]
    if mode == ["stall"]:
        stall_before_commit()
    stop: threading.Event = StopSignal().install()
    settings = KafkaSettings(
        kafka_bootstrap=bootstrap, prefix=prefix, session_timeout_ms=SESSION_MS, transaction_timeout_ms=5_000
    )
    TransactionalRunner(
        RunnerConfig(
            settings=settings,
            group=f"{prefix}group",
            transactional_id=f"{prefix}worker-{instance}",
            topics=[f"{prefix}in"],
            batch_size=500,
        ),
        FunctionWorker(passing_to(f"{prefix}out")),
        stop,
    ).run()


if __name__ == "__main__":
    sys.exit(run_service(main))
