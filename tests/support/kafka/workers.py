"""Workers of the exactly-once loop that tests put together from functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidemill.kafka.batch import Batch, Output, Partition
from tidemill.kafka.worker import Worker


class FunctionWorker(Worker):
    """Does what it is given, and nothing where it is given nothing: `FunctionWorker(process, assigned=…, idle=…)`."""

    HOOKS = frozenset({"start_offsets", "assigned", "revoked", "before_batch", "idle"})

    def __init__(self, process: Callable[[list[Batch]], Any], **hooks: Callable[..., Any]) -> None:
        unknown = hooks.keys() - self.HOOKS
        assert not unknown, f"a worker has no {unknown}"
        self._process = process
        self._hooks = hooks

    def process(self, batches: list[Batch]) -> list[Output]:
        return self._process(batches)  # type: ignore[no-any-return]

    def start_offsets(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        return self._call("start_offsets", partitions) or {}

    def assigned(self, partitions: list[Partition]) -> None:
        self._call("assigned", partitions)

    def revoked(self, partitions: list[Partition]) -> None:
        self._call("revoked", partitions)

    def before_batch(self) -> None:
        self._call("before_batch")

    def idle(self) -> None:
        self._call("idle")

    def _call(self, name: str, *args: Any) -> Any:
        return self._hooks[name](*args) if name in self._hooks else None


def passing_to(topic: str) -> Callable[[Sequence[Batch]], list[Output]]:
    """Logic that writes every record unchanged to the same partition of `topic`."""

    def process(batches: Sequence[Batch]) -> list[Output]:
        return [Output(topic, b.values, b.keys, b.partitions, b.headers) for b in batches]

    return process
