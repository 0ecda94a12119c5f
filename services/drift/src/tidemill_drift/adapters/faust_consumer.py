"""Faust's Kafka consumer, made to read committed records only and to hand over every record in order.

As it comes (0.15), Faust moves its positions while a fetch is under way in another thread, and empties the
queues of its streams afterwards. At the end of table recovery it lets the fetcher go, seeks to the committed
offsets, clears the queues and goes on. A batch of which one half was queued before the clearing and the other
half after it loses the first half: what comes again after the seek is older than what was read last, and is
dropped. Behind a broker that answers a little late one restart in ten lost dozens of records. And where nothing
was committed yet, its seek leaves out the partition: what was cleared does not come again at all.

Here a seek stops the flow and waits for the fetch that is under way, and no fetch begins before Faust resumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

Partition = Any
"""A topic and a partition: Faust's tuple or aiokafka's, which are equal."""
NOTHING_TO_TAKE_S = 0.05


class CommittedThread(AIOKafkaConsumerThread):
    """Reads committed records only. Faust decides that by its processing guarantee, and at_least_once would
    not.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


class WholeConsumer(Consumer):
    """Never seeks while records are taken. `next` is the offset that each stream partition must hand over next
    after a seek.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.next: dict[Partition, int] = {}
        self._taking = asyncio.Lock()
        self._taker: asyncio.Task[Any] | None = None

    def follows(self, tp: Partition, offset: int) -> bool:
        """Whether no record was left out before this one; repeats are none of its concern."""
        whole = offset <= self.next.get(tp, offset)
        self.next[tp] = offset + 1
        return whole

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """Records as they come, each with its partition; the flow is not moved while a caller iterates."""
        async with self._taking:
            if self.flow_active and self._get_active_partitions():
                self._taker = asyncio.current_task()
                async for taken in super().getmany(timeout):
                    yield taken
                return
        await self.sleep(NOTHING_TO_TAKE_S)

    async def seek_wait(self, partitions: Mapping[Any, int]) -> None:
        """Seek partitions; stops the flow, which whoever asks resumes."""
        async with self._still():
            await super().seek_wait(partitions)

    async def perform_seek(self) -> None:
        """Seek streams to what is committed, or to their beginning; stops the flow, which whoever asks resumes."""
        if asyncio.current_task() is self._taker:
            return  # the flow was stopped under a fetch: who stopped it seeks before it goes on
        async with self._still():
            await super().perform_seek()
            streams = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
            first = await self._thread.earliest_offsets(*streams) if streams else {}
            fresh = {tp: first[tp] for tp in streams if self._committed_offset[tp] is None}
            if fresh:
                await self._thread.seek_wait(fresh)
            self.next = {tp: max(self._committed_offset[tp] or 0, first[tp]) for tp in streams}

    @asynccontextmanager
    async def _still(self) -> AsyncIterator[None]:
        self.stop_flow()
        async with self._taking:
            yield

    def _new_consumer_thread(self) -> Any:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)


class WholeTransport(Transport):
    """aiokafka's transport with the consumer above."""

    Consumer = WholeConsumer
