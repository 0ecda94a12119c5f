"""The client for asyncio: what `sync` has, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx

from tidemill.client.connection import Connection, answer_of, no_answer
from tidemill.client.exchange import Answer, Flow, NoAnswer, Pause, Request
from tidemill.client.flows.predicting import Prediction, predict_many, predict_one, predict_table
from tidemill.client.flows.pushing import Push, Pushed, push
from tidemill.client.flows.waiting import ServedModel, read_model, read_models, wait_for_version
from tidemill.client.rows.tables import ArrowTable, Data

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient(Connection):
    """`tidemill.client.Client`, awaited; its methods say what they do. One for all tasks of an event loop.

    async with AsyncClient(key="tm_…") as client:
        await client.push_events("orders", rows)
        prediction = await client.predict("orders", {"customer": "c-7", "amount": 900})
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._http = httpx.AsyncClient(**self._options())

    async def push_events(
        self, model: str, rows: Data, *, make_ids: bool = False, refused: Literal["raise", "report"] = "raise"
    ) -> Pushed:
        """Store events: one mapping, many, or a table. Raises RowsRefused, NotStored, Refused, NotReachable."""
        return await self._run(push(self._job(model, "events", make_ids, refused), rows, self._forms))

    async def push_labels(self, model: str, rows: Data, *, refused: Literal["raise", "report"] = "raise") -> Pushed:
        """The same for labels."""
        return await self._run(push(self._job(model, "labels", False, refused), rows, self._forms))

    async def predict(self, model: str, row: Mapping[str, Any]) -> Prediction:
        """The prediction for one instance. Raises InvalidRows, NoVersion, NotReachable, Refused."""
        return await self._run(predict_one(model, row, self._forms, self.retry_s))

    async def predict_many(self, model: str, rows: Data) -> list[Prediction]:
        """One prediction for each instance, in their order."""
        return await self._run(predict_many(model, rows, self._forms, self.retry_s))

    async def predict_table(self, model: str, table: ArrowTable) -> Any:
        """Predictions for a table, as a table of the same kind, row by row. Raises MissingPackage too."""
        return await self._run(predict_table(model, table, self._forms, self.retry_s))

    async def models(self) -> list[ServedModel]:
        """What serves, of every model."""
        return await self._run(read_models(self.retry_s))

    async def model(self, name: str) -> ServedModel:
        """The same of one model. Raises UnknownModel."""
        return await self._run(read_model(name, self.retry_s))

    async def wait_for_version(
        self, model: str, at_least: int = 1, *, timeout: float = 600.0, every: float = 0.5
    ) -> ServedModel:
        """Returns once a version with this number, or a later one, serves. Raises WaitedTooLong, UnknownModel."""
        return await self._run(wait_for_version(model, at_least, timeout, every))

    async def tail_predictions(
        self, model: str, *, since: datetime | Literal["now", "beginning"] = "now", timeout: float | None = None
    ) -> AsyncIterator[Prediction]:
        """Predictions of stream and REST as they come; librdkafka is polled in asyncio's pool of threads."""
        from tidemill.client.tailing import open_tail

        task = (await self.model(model)).task
        with closing(await asyncio.to_thread(open_tail, self._settings(), model, task, since)) as tail:
            async for prediction in tail.until_idle_async(timeout):
                yield prediction

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _job(self, model: str, role: Literal["events", "labels"], make_ids: bool, refused: str) -> Push:
        return Push(model, role, make_ids, raise_refused=refused == "raise", retry_s=self.retry_s)

    async def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(flow)
                else:
                    step = flow.send(await self._answer(step))
        except StopIteration as done:
            result: T = done.value
            return result

    async def _answer(self, request: Request) -> Answer | NoAnswer:
        try:
            return answer_of(await self._http.request(**self._asked(request)))
        except httpx.TransportError as error:
            return no_answer(error)
