"""A plain aiokafka loop with pydantic: exactly once, as exact as aiokafka can be.

Its transactions commit the offsets with the records, but without the member's generation (aiokafka #844): safe with
one member alone.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.rivals.payment import Checker, origin

BATCH = 2_000
LINGER_MS = 75
MB = 2**20


async def run(bootstrap: str, source: str, target: str, key_file: str = "") -> None:
    """One transaction per batch, until stopped."""
    group = f"{target}-aiokafka"
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * MB,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=group, linger_ms=5, max_batch_size=MB // 2
    )
    await consumer.start()
    await producer.start()
    check = Checker.of_file(key_file)
    while True:
        found = await consumer.getmany(timeout_ms=LINGER_MS, max_records=BATCH)
        if found:
            async with producer.transaction():
                await write(producer, target, check, found)
                ends = {partition: rows[-1].offset + 1 for partition, rows in found.items()}
                await producer.send_offsets_to_transaction(ends, group)


async def write(producer: Any, target: str, check: Checker, found: dict[Any, list[Any]]) -> None:
    """Send each record to clean or to dead letters; when all are sent, the transaction may be committed."""
    sent = []
    for rows in found.values():
        for row in rows:
            reason, value, key = check(row.value, row.key)
            headers = [*row.headers, ("tidemill.origin", origin(row.topic, row.partition, row.offset))]
            to = target
            if reason is not None:
                headers, to = [*headers, ("reason", reason.encode())], f"{target}-dlq"
            sent.append(await producer.send(to, value, key, row.partition, headers=headers))
    await asyncio.gather(*sent)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:5]))
