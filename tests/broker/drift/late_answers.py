"""*detect* with brokers that answer late: what is committed is told only when profiles are being handed over, or
after two seconds where none are.

In that moment Faust, left alone, loses some of them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from tidemill_drift.main import main

LATEST_S = 2.0
told = AIOKafkaConsumerThread.seek_to_committed


def handing_over(consumer: Any) -> bool:
    """Whether a record of a stream has been taken, after the table's."""
    return any(offset for tp, offset in list(consumer._read_offset.items()) if not consumer._is_changelog_tp(tp))


async def told_late(thread: AIOKafkaConsumerThread) -> Any:
    """What is committed, once the stream is in the middle of a batch."""
    deadline = time.monotonic() + LATEST_S
    while not handing_over(thread.consumer) and time.monotonic() < deadline:
        await asyncio.sleep(0.0005)
    return await told(thread)


if __name__ == "__main__":
    AIOKafkaConsumerThread.seek_to_committed = told_late  # type: ignore[method-assign]
    sys.exit(main())
